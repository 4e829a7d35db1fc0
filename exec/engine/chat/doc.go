// Package chat lays conversations out as models were trained to see them.
//
// A model's file carries its layout as a Jinja program. Running a stranger's
// program is refused here: the layouts that are in use are few, so the text is
// recognised by the marks it holds and a layout written in Go stands for it.
//
// A layout gives segments. Only a control segment may become control tokens;
// what people write stands in the other ones and never is a control token,
// whatever it looks like.
//
// The engine calls it to build a prompt, exec/engine/tokens to count one, and
// the command line to tell which layout a model has. It imports nothing but
// the standard library, so that the engine's own module can use it.
package chat
