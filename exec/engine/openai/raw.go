package openai

// Head is what a hop needs to know of a body that it passes on.
type Head struct {
	Model        string
	Stream       bool
	IncludeUsage bool // stream_options.include_usage
}
