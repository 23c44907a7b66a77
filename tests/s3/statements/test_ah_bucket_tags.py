"""Section AH: tags of buckets."""

from case import needs
from settings import SettingsCase


def tagging(*pairs):
    tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>"


@needs("settings")
class BucketTags(SettingsCase):
    def test_577_their_life(self):
        got = self.assert_life("tagging", tagging(("z", "1"), ("a", ""), ("ä ö", "x/y")), "Tagging", "NoSuchTagSet", put_status=204)
        self.assertEqual(["z", "a", "ä ö"], got.texts("TagSet/Tag/Key"))
        self.assertEqual(["1", "", "x/y"], got.texts("TagSet/Tag/Value"))

    def test_578_limits(self):
        fifty = [(f"key{i}", "v") for i in range(50)]
        self.set("tagging", tagging(*fifty), 204)
        self.assertEqual(50, len(self.get_setting("tagging").texts("TagSet/Tag/Key")))
        self.set("tagging", tagging(*[("ü" * 126 + f"{i:02}", "ö" * 256) for i in range(50)]), 204)
        self.assert_refused_setting("tagging", tagging(*fifty, ("more", "")), 400, "BadRequest")
        for pair in (("", "v"), ("k" * 129, "v"), ("k", "v" * 257), ("a!b", "v"), ("k", "a;b"), ("aws:k", "v"), ("AWS:k", "v")):
            self.assert_refused_setting("tagging", tagging(pair), 400, "InvalidTag")
        self.assert_refused_setting("tagging", tagging(("k", "1"), ("k", "2")), 400, "InvalidTag")
        for text in ("<Tagging/>", "<Tags/>", "<Tagging><TagSet/><TagSet/></Tagging>", "<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>"):
            self.assert_refused_setting("tagging", text, 400, "MalformedXML")

    def make(self, tags, status=200):
        name = self.bucket_name()
        response = self.alice.put(name, None, (), (), f"<CreateBucketConfiguration><Tags>{tags}</Tags></CreateBucketConfiguration>")
        self.assertEqual(status, response.status, response)
        return name, response

    def test_579_with_the_bucket(self):
        name, _ = self.make("<Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag>")
        self.assertEqual(["a", "b"], self.get_setting("tagging", bucket=name).texts("TagSet/Tag/Key"))
        name, _ = self.make("")
        self.assert_error(self.get_setting("tagging", bucket=name), 404, "NoSuchTagSet")

    def test_579_or_neither(self):
        for tags, code in (("<Tag><Key/><Value>1</Value></Tag>", "InvalidTag"), ("<Tag><Key>a</Key></Tag>", "MalformedXML"),
                           ("<Tag><Key>a</Key><Value/></Tag>" * 2, "InvalidTag"), ("<Other/>", "MalformedXML"),
                           ("".join(f"<Tag><Key>{i}</Key><Value/></Tag>" for i in range(51)), "BadRequest")):
            name, response = self.make(tags, 400)
            self.assert_error(response, 400, code)
            self.assert_error(self.get_setting("tagging", bucket=name), 404, "NoSuchBucket")
