package engine

import _ "embed"

// DemoModelName is what jobs call the demonstration model.
const DemoModelName = "demo"

// DemoModelSHA256 is the hex digest of the demonstration model's bytes.
const DemoModelSHA256 = "38db668848714c99429c99d57c689e7cfbf27a9709c5efb16a670581149aa9bf"

//go:embed model/infernet-demo.gguf
var demoModel string

// DemoModel returns a copy of the demonstration model: a GGUF file of 2.4 MB,
// CC0, described in model/MODEL.md. It knows capitals and small sums, and is
// of no use beyond demonstrations and tests.
func DemoModel() []byte { return []byte(demoModel) }
