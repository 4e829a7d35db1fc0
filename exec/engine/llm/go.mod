module infernet.tech/infernet/exec/engine/llm

go 1.26.6

require (
	github.com/gen2brain/malgo v0.11.24
	github.com/ollama/ollama v0.17.4
	infernet.tech/infernet v0.0.0
)

replace infernet.tech/infernet => ../../..
