package tokens

import "infernet.tech/infernet/exec/engine/gguf"

// variant is one vocabulary of the golden data: a file of testdata with
// something changed.
type variant struct {
	name, file string
	change     func(*gguf.Vocab)
}

func variants() []variant {
	var out []variant
	for _, pre := range []string{"default", "gpt-2", "llama-bpe", "dbrx", "glm4", "qwen2", "starcoder", "falcon", "tekken", "gpt-4o", "deepseek-v3"} {
		out = append(out, variant{"bpe/" + pre, "bpe.gguf", func(v *gguf.Vocab) { v.Pre = pre }})
	}
	yes, no := true, false
	return append(out,
		variant{"bpe/phi-3", "bpe.gguf", func(v *gguf.Vocab) { v.Name = "Phi-3 mini"; v.AddEOS = &yes }},
		variant{"spm", "spm.gguf", func(*gguf.Vocab) {}},
		variant{"spm/no-prefix", "spm.gguf", func(v *gguf.Vocab) { v.AddSpacePrefix = &no; v.AddBOS = &no }},
		variant{"spm/phi3", "spm.gguf", func(v *gguf.Vocab) { v.Name = "phi3"; v.AddEOS = &yes }},
	)
}
