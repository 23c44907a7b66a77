// tests/backends/models/judge/main.go -- histories of a register, judged by Porcupine (https://github.com/anishathalye/porcupine).
//
// Standard input: a list of histories, as porcupine.py writes them. Standard output: a line for each, "yes" when it is linearizable, "no" when it
// is not. Each operation of which nobody knows what became of it may double the search: "unknown" is where it has not ended in time.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const patience = 2 * time.Second // for one history

var words = map[porcupine.CheckResult]string{porcupine.Ok: "yes", porcupine.Illegal: "no", porcupine.Unknown: "unknown"}

// Times are nanoseconds. A value is null where there is nothing; an end is null where nobody knows what became of the operation.
type operation struct {
	Kind     string  `json:"kind"`
	Value    *string `json:"value"`
	Expected *string `json:"expected"`
	Outcome  string  `json:"outcome"`
	Began    int64   `json:"began"`
	Ended    *int64  `json:"ended"`
}

type register struct {
	isThere bool
	value   string
}

func holding(value *string) register {
	if value == nil {
		return register{}
	}
	return register{true, *value}
}

// Does its condition hold?
func (one operation) mayPass(state register) bool {
	switch one.Kind {
	case "create":
		return !state.isThere
	case "swap":
		return state.isThere && state == holding(one.Expected)
	case "delete if": // nothing is deleted already
		return !state.isThere || state == holding(one.Expected)
	}
	return true
}

func (one operation) after() register {
	if one.Kind == "delete" || one.Kind == "delete if" {
		return register{}
	}
	return holding(one.Value)
}

// What nobody knows of was applied if its condition held; it has no end, so that it may come behind all that was seen.
func step(before, input, _ interface{}) (bool, interface{}) {
	state, one := before.(register), input.(operation)
	passes := one.mayPass(state)
	switch {
	case one.Kind == "read":
		return one.Outcome != "done" || state == holding(one.Value), state
	case one.Outcome == "refused":
		return !passes, state
	case one.Outcome == "unknown" && !passes:
		return true, state
	}
	return passes, one.after()
}

func judge(history []operation) porcupine.CheckResult {
	operations := make([]porcupine.Operation, len(history))
	for i, one := range history {
		end := int64(math.MaxInt64)
		if one.Ended != nil {
			end = *one.Ended
		}
		operations[i] = porcupine.Operation{ClientId: i, Input: one, Call: one.Began, Return: end}
	}
	return porcupine.CheckOperationsTimeout(porcupine.Model{
		Init: func() interface{} { return register{} },
		Step: step,
	}, operations, patience)
}

func main() {
	var histories [][]operation
	if err := json.NewDecoder(os.Stdin).Decode(&histories); err != nil {
		log.Fatal(err)
	}
	for _, history := range histories {
		fmt.Println(words[judge(history)])
	}
}
