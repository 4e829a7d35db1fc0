package engine

import "infernet.tech/infernet/exec"

// adapters are the engines that people have images of. The arguments follow
// the entrypoint that node/docs/engines.md gives each image. None may reach a
// network, so what would ask a hub or report usage is told not to.
var adapters = map[string]Adapter{
	"infernet": {
		Name: "infernet", About: "the default engine, also where its image has no labels",
		Serve: "unix", Health: "/health",
		Args:         [][]string{{"--serve", "unix:" + exec.SocketPath}},
		Capabilities: []string{CapEmbeddings, CapLogprobs, CapJSONSchema, CapTokenIDs, CapTokenize, CapReplay},
	},
	"llama.cpp": {
		Name: "llama.cpp", About: "llama-server of llama.cpp: GGUF files, processors and GPUs",
		Serve: "unix", Health: "/health",
		Args: [][]string{
			{"--model", modelPath, "--alias", "{name}", "--host", exec.SocketPath},
			{"--parallel", "{parallel}"}, {"--threads", "{threads}"},
			// Its context is shared out between the requests.
			{"--ctx-size", "{total}"},
			{"--n-gpu-layers", "{layers}"},
			{"--jinja", "--no-webui", "--no-slots"},
		},
		Env:          []string{"HOME=/tmp"},
		Scratch:      64 << 20,
		Capabilities: []string{CapLogprobs, CapJSONSchema, CapTools},
	},
	"vllm": {
		Name: "vllm", About: "vLLM: folders of safetensors, GPUs",
		Serve: "unix", Health: "/health",
		Args: [][]string{
			{modelPath, "--served-model-name", "{name}", "--uds", exec.SocketPath},
			{"--max-num-seqs", "{parallel}"}, {"--max-model-len", "{context}"}, {"--tensor-parallel-size", "{gpus}"},
		},
		Env: []string{
			"HOME=/tmp", "XDG_CACHE_HOME=/tmp/cache", "VLLM_CACHE_ROOT=/tmp/vllm", "HF_HOME=/tmp/hf", "TRITON_CACHE_DIR=/tmp/triton",
			"HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "VLLM_NO_USAGE_STATS=1", "DO_NOT_TRACK=1", "VLLM_HOST_IP=127.0.0.1",
		},
		// Compiled kernels in /tmp, tensors between processes in /dev/shm.
		Scratch:      4 << 30,
		Capabilities: []string{CapLogprobs, CapJSONSchema, CapTools, CapTokenIDs, CapTokenize},
	},
	"sglang": {
		Name: "sglang", About: "SGLang: folders of safetensors, GPUs",
		Serve: "tcp:30000", Health: "/health",
		Args: [][]string{
			{"--model-path", modelPath, "--served-model-name", "{name}", "--host", "127.0.0.1", "--port", "30000"},
			{"--max-running-requests", "{parallel}"}, {"--context-length", "{context}"}, {"--tp-size", "{gpus}"},
		},
		Env: []string{
			"HOME=/tmp", "XDG_CACHE_HOME=/tmp/cache", "HF_HOME=/tmp/hf", "TRITON_CACHE_DIR=/tmp/triton", "FLASHINFER_WORKSPACE_BASE=/tmp",
			"HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1",
		},
		Scratch:      4 << 30,
		Capabilities: []string{CapLogprobs, CapJSONSchema, CapTools},
	},
	"ollama": {
		Name: "ollama", About: "Ollama: one GGUF file, which it copies into memory",
		Serve: "tcp:11434", Health: "/api/version",
		Args: [][]string{{"serve"}},
		Env: []string{
			"HOME=/tmp", "OLLAMA_HOST=127.0.0.1:11434", "OLLAMA_MODELS=/tmp/models", "OLLAMA_KEEP_ALIVE=-1", "OLLAMA_NOHISTORY=1",
			"OLLAMA_NO_CLOUD=1", "OLLAMA_MAX_LOADED_MODELS=1", "OLLAMA_NUM_PARALLEL={parallel}", "OLLAMA_CONTEXT_LENGTH={context}",
		},
		Scratch: 64 << 20, CopiesModel: true,
		Capabilities: []string{CapEmbeddings, CapLogprobs, CapJSONSchema, CapTools},
		loads:        loadsOllama,
	},
}
