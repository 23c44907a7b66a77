// tests/clients/programs/java/Check.java -- ends the program when something is not as it should be; text that shrinks.

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

final class Check {
    private Check() {}

    interface Step {
        void run() throws Exception;
    }

    static void that(boolean holds, Object what) {
        if (!holds)
            throw new AssertionError(what);
    }

    static void equal(Object wanted, Object got) {
        that(Objects.equals(wanted, got), got + " instead of " + wanted);
    }

    static void same(byte[] wanted, byte[] got) {
        that(Arrays.equals(wanted, got), "other bytes: " + got.length + " instead of " + wanted.length);
    }

    static byte[] text(int size) {
        var text = new ByteArrayOutputStream();
        for (long i = 0; text.size() < size; i++)
            text.writeBytes(("10.0.0." + i % 256 + " GET /images/" + i * 7919 % 1000003 + ".png 200\n").getBytes(StandardCharsets.UTF_8));
        return Arrays.copyOf(text.toByteArray(), size);
    }
}
