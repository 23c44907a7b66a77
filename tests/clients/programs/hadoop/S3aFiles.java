// tests/clients/programs/hadoop/S3aFiles.java -- what a program does with Hadoop's s3a, under an encryption that its configuration asks for;
// credentials come from the environment.
//
// usage: S3aFiles http://HOST:PORT BUCKET FOLDER ALGORITHM [KEY [OTHER KEY]] ; FOLDER is for what it buffers, ALGORITHM as fs.s3a.encryption.algorithm
// has it (AES256, SSE-KMS, SSE-C), and with OTHER KEY nothing may be read. It leaves the file done/in/small, and prints `ok` at the end.

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.Path;

public final class S3aFiles {
    private static final int LARGE = 20 << 20; // in parts of 8 MiB
    private static FileSystem files;

    private static FileSystem open(String[] arguments, String key) throws IOException {
        Configuration settings = new Configuration();
        settings.set("fs.s3a.endpoint", arguments[0]);
        settings.set("fs.s3a.endpoint.region", "us-east-1");
        settings.setBoolean("fs.s3a.path.style.access", true);
        settings.set("fs.s3a.aws.credentials.provider", "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider");
        settings.set("fs.s3a.buffer.dir", arguments[2]);
        settings.set("fs.s3a.multipart.size", "8M");
        settings.set("fs.s3a.multipart.threshold", "8M");
        settings.setInt("fs.s3a.attempts.maximum", 1);
        settings.set("fs.s3a.encryption.algorithm", arguments[3]);
        if (key != null)
            settings.set("fs.s3a.encryption.key", key);
        return FileSystem.newInstance(URI.create("s3a://" + arguments[1] + "/"), settings);
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private static void write(String name, byte[] bytes) throws IOException {
        try (var to = files.create(new Path(name), true)) {
            to.write(bytes);
        }
    }

    private static byte[] read(String name, long from, int size) throws IOException {
        byte[] bytes = new byte[size];
        try (var file = files.open(new Path(name))) {
            file.readFully(from, bytes);
        }
        return bytes;
    }

    private static void same(byte[] expected, byte[] found, String what) {
        if (!Arrays.equals(expected, found))
            throw new AssertionError(what);
    }

    private static List<String> names(String folder) throws IOException {
        List<String> names = new ArrayList<>();
        for (var walk = files.listFiles(new Path(folder), true); walk.hasNext();)
            names.add(walk.next().getPath().getName());
        names.sort(null);
        return names;
    }

    private static void story(String folder) throws IOException {
        byte[] small = bytes(5000);
        byte[] large = bytes(LARGE);
        files.mkdirs(new Path("/new/in"));
        write("/new/empty", new byte[0]);
        write("/new/in/small", small);
        write("/new/large", large);
        same(large, read("/new/large", 0, LARGE), "the large file");
        same(Arrays.copyOfRange(large, LARGE - 9000000, LARGE - 8999000), read("/new/large", LARGE - 9000000, 1000), "a piece of it");
        FileStatus status = files.getFileStatus(new Path("/new/large"));
        if (status.getLen() != LARGE)
            throw new AssertionError(status);
        if (!files.rename(new Path("/new"), new Path("/done")) || files.exists(new Path("/new/large"))) // copies, and deletes
            throw new AssertionError("renaming");
        same(large, read("/done/large", 0, LARGE), "the large file, renamed");
        same(small, read("/done/in/small", 0, small.length), "the small file, renamed");
        if (!names("/done").equals(List.of("empty", "large", "small")))
            throw new AssertionError(names("/done"));
        Path local = new Path("file://" + folder + "/local");
        FileUtil.copy(files, new Path("/done/in/small"), FileSystem.getLocal(files.getConf()), local, false, files.getConf());
        files.copyFromLocalFile(local, new Path("/done/again"));
        same(small, read("/done/again", 0, small.length), "what was uploaded");
        if (!files.delete(new Path("/done/again"), false) || !files.delete(new Path("/done/large"), false))
            throw new AssertionError("deleting");
    }

    public static void main(String[] arguments) throws IOException {
        files = open(arguments, arguments.length > 4 ? arguments[4] : null);
        story(arguments[2]);
        files.close();
        if (arguments.length > 5) {
            files = open(arguments, arguments[5]);
            try {
                read("/done/in/small", 0, 1);
                throw new AssertionError("another key");
            } catch (IOException refused) {
                if (!refused.toString().contains("403") && !refused.toString().contains("AccessDenied"))
                    throw refused;
            }
        }
        System.out.println("ok");
    }
}
