package infer

// What tests of the outside take of those of the inside.
type (
	Engine = running
	Edit   = edit
)

var (
	ServeEngine = serve
	VariantOf   = model
	QuestionOf  = questions
)
