"""tests/backends/tools/tools_refused.py -- bale on a bucket where something is wrong: each command says what in one sentence, within 10 s, and ends
with 1. What can be wrong is what can be wrong at baled's start (requests/starting.py), said in the same words."""

import tempfile

import fronts
import starting
import tools_alone
from races import together

COMMANDS = (("cat", "{bucket}/k"), ("inspect", "{bucket}/k"), ("verify",), ("stamp",), ("backend",), ("backend", "--test"))


class OfTools:
    def assert_refused(self, words, options=None, environment=None, statuses=(1,)):
        """The same of each command, all at once; what one of them said."""
        options = self.options() if options is None else options
        environment = self.environment() if environment is None else environment
        commands = [[word.format(bucket=self.bucket) for word in command] for command in COMMANDS]
        told = together([lambda command=command: self.refuse_one(command, options, environment) for command in commands])
        for said in told:
            for alternatives in words:
                self.assertTrue(any(word.lower() in said.lower() for word in alternatives.split("|")), f"none of {alternatives}: {said}")
        return told[0]

    def refuse_one(self, command, options, environment):
        with tempfile.TemporaryDirectory() as home:
            base = {"PATH": "/usr/bin:/bin", "HOME": home, "AWS_EC2_METADATA_DISABLED": "true"}
            status, out, err, seconds = fronts.run_to_its_end([tools_alone.bale_program(self), *command, *options], 6 * starting.SECONDS,
                                                              env={**base, **environment})
        said = f"{' '.join(command)}: {err}"
        self.assertEqual((1, "", 1), (status, out, err.count("\n")), said)
        self.assertTrue(err.startswith(f"bale {command[0]}: "), said)
        self.assertLess(seconds, starting.SECONDS, said)
        return err


class WrongPlaces(OfTools, starting.WrongStarts):
    pass


class WrongCertificates(OfTools, starting.Certificates):
    FOR = ("raw",)
    test_an_authority_that_is_named = None  # nothing is wrong there
