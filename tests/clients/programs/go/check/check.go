// tests/clients/programs/go/check -- ends the program when something is not as it should be.
package check

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"runtime"
)

func fail(what ...any) {
	_, file, line, _ := runtime.Caller(2)
	fmt.Fprintln(os.Stderr, append([]any{fmt.Sprintf("%s:%d:", file, line)}, what...)...)
	os.Exit(1)
}

func That(holds bool, what string) {
	if !holds {
		fail("not so:", what)
	}
}

func Error(err error) {
	if err != nil {
		fail(err)
	}
}

func Must[T any](value T, err error) T {
	if err != nil {
		fail(err)
	}
	return value
}

func Same(wanted, got []byte) {
	if !bytes.Equal(wanted, got) {
		fail("other bytes:", len(got), "instead of", len(wanted))
	}
}

func Equal(wanted, got any) {
	if !reflect.DeepEqual(wanted, got) {
		fail(got, "instead of", wanted)
	}
}

// Text is like a log: it shrinks to a fraction.
func Text(size int) []byte {
	var text bytes.Buffer
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, "10.0.0.%d GET /images/%d.png 200\n", i%256, i*7919%1000003)
	}
	return text.Bytes()[:size]
}
