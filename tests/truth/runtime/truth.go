// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"unsafe"
)

var truthAny, truthSink uint64 = 4711, 0
var truthBudget = 12
var truthCount uint64
var truthLog *bufio.Writer
var truthUsed = make([]bool, 1, 64)

var truthTexts = []string{"", "a", "seven77", "eight888", "fifteen chars..", "sixteen chars...",
	"a text of twenty-two c", "/var/lib/truth/some/longer/path.txt"}
var truthPlaces = [4]int32{7, -8, 900, 1 << 20}

//go:noinline
func truthText(which uint64) string { return truthTexts[which%uint64(len(truthTexts))] }

//go:noinline
func truthPlace(which uint64) *int32 { return &truthPlaces[which%4] }

//go:noinline
func truthEnd(number uint64) {
	truthLog.WriteString("back " + strconv.FormatUint(number, 10) + " ")
	truthOpen("", "{")
}

//go:noinline
func truthBegin(name string, tail int) uint64 {
	if truthLog == nil {
		file, err := os.Create(os.Getenv("TRUTH_LOG"))
		if err != nil {
			panic(err)
		}
		truthLog = bufio.NewWriter(file)
	}
	truthCount++
	fmt.Fprintf(truthLog, "call %d %s %d ", truthCount, name, tail)
	truthOpen("", "{")
	return truthCount
}

//go:noinline
func truthCall(number uint64) {
	truthLog.WriteString("}\n")
	truthUsed = truthUsed[:1]
	truthUsed[0] = false
	truthSink = number
}

//go:noinline
func truthBack(number uint64) {
	truthLog.WriteString("}\n")
	truthUsed = truthUsed[:1]
	truthUsed[0] = false
	truthSink = number
}

func truthName(name string) {
	last := len(truthUsed) - 1
	if truthUsed[last] {
		truthLog.WriteString(",")
	}
	truthUsed[last] = true
	if name != "" {
		truthLog.WriteString("\"" + name + "\":")
	}
}

func truthOpen(name, first string) {
	truthName(name)
	truthLog.WriteString(first)
	truthUsed = append(truthUsed, false)
}

//go:noinline
func truthStruct(name string) { truthOpen(name, "{") }

//go:noinline
func truthArray(name string) { truthOpen(name, "[") }

//go:noinline
func truthClose(last string) {
	truthLog.WriteString(last)
	truthUsed = truthUsed[:len(truthUsed)-1]
}

func truthWrite(name, text string) {
	truthName(name)
	truthLog.WriteString(text)
}

//go:noinline
func truthInt(name string, v int64) { truthWrite(name, strconv.FormatInt(v, 10)) }

//go:noinline
func truthUint(name string, v uint64) { truthWrite(name, strconv.FormatUint(v, 10)) }

//go:noinline
func truthBool(name string, v bool) { truthWrite(name, strconv.FormatBool(v)) }

//go:noinline
func truthFloat(name string, v float64) {
	truthWrite(name, "{\"float\":"+strconv.FormatFloat(v, 'g', -1, 64)+"}")
}

//go:noinline
func truthString(name string, v string) { truthWrite(name, strconv.Quote(v)) }

//go:noinline
func truthPointer(name string, v unsafe.Pointer) {
	truthWrite(name, fmt.Sprintf("{\"pointer\":%d}", uintptr(v)))
}

//go:noinline
func truthSlice(name string, v []int32) {
	truthOpen(name, "[")
	for _, one := range v {
		truthInt("", int64(one))
	}
	truthClose("]")
}

//go:noinline
func truthMap(name string, size int) { truthWrite(name, fmt.Sprintf("{\"len\":%d}", size)) }

// An error by errors.New, or nil.
//
//go:noinline
func truthError(name string, v error) {
	if v == nil {
		truthWrite(name, "{\"type\":\"nil\"}")
	} else {
		truthWrite(name, fmt.Sprintf("{\"type\":%q,\"value\":{\"s\":%q}}", fmt.Sprintf("%T", v), v.Error()))
	}
}

//go:noinline
func truthEmpty(name string, v any) {
	switch one := v.(type) {
	case nil:
		truthWrite(name, "{\"type\":\"nil\"}")
	case string:
		truthWrite(name, fmt.Sprintf("{\"type\":\"string\",\"value\":%q}", one))
	case Item:
		truthWrite(name, fmt.Sprintf("{\"type\":\"main.Item\",\"value\":{\"Tag\":%d,\"Label\":%q}}", one.Tag, one.Label))
	default:
		truthWrite(name, fmt.Sprintf("{\"type\":\"%T\",\"value\":%v}", v, v))
	}
}

func truthBool64(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

func truthFinish() {
	truthLog.WriteString("end\n")
	truthLog.Flush()
}
