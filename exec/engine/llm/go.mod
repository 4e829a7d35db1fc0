module infernet.tech/infernet/exec/engine/llm

go 1.26.0

require (
	github.com/ollama/ollama v0.17.4
	github.com/gen2brain/malgo v0.11.24
)
