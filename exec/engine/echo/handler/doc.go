// Package handler is the engine without a model as an http.Handler: for
// exec/engine/echo, which is a program, and for tests that want an engine in
// their own process.
//
// Its model repeats the last message, or the prompt, word by word, and then
// stops. A token is a word with the blanks before it, at most 32 bytes of one;
// a token's id is a hash of it. Everything is the same on every machine.
//
// Words of the prompt that begin with @ steer one answer, for tests:
//
//	@delay=5ms    between two tokens
//	@repeat=100   the words are repeated to this many tokens
//	@crash=3      the program ends after so many tokens
//	@cut=3        the connection ends after so many tokens
//	@hang=3       nothing more comes after so many tokens
//	@error=503    the answer is this status
//	@lie=2        the usage claims so many times the tokens
//	@garble=3     every third word is another one
//
// It refuses to be of any use beyond tests and measurements.
package handler
