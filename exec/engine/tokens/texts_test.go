package tokens

import (
	"math/rand/v2"
	"strings"
)

// texts are what the golden data is about: the same n on every machine. The
// first are chosen to be nasty, the others thrown together.
func texts(n int) []string {
	out := nasty()
	rng := rand.New(rand.NewPCG(7, 11))
	bits := pieces()
	for len(out) < n {
		var b strings.Builder
		// Some draw from few pieces only, which makes long runs.
		from := bits
		if rng.IntN(3) == 0 {
			from = nil
			for range 1 + rng.IntN(4) {
				from = append(from, bits[rng.IntN(len(bits))])
			}
		}
		for range 1 + rng.IntN(30) {
			b.WriteString(from[rng.IntN(len(from))])
		}
		out = append(out, b.String())
	}
	return out[:n]
}

func nasty() []string {
	return []string{
		"", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\t", "\r\n", " \r\n \r\n  x", "a", " a", "a ", "  a", "a  ",
		"Hello world", " Hello World!", "Hello, y'all! How's it? I'LL'VE 'd 'S", "''s 's's 'sx x's", "don't DON'T d'on",
		"1", "12", "123", "1234", "12345678901234567890", "3.14159", "1,000,000.00", "٣٤٥٦٧", "Ⅻ½²", "x1y22z333w4444",
		"The capital of France is Paris.", "if (x == 1) {\n\treturn \"y\";\n}\n\n\n// done",
		"éàüöß ÀÉ ŁódźŻółw", "Ünïcödé", "日本語のテキスト", "中文字符，测试。", "한국어 텍스트", "Привет, мир!", "שלום עולם", "مرحبا بالعالم",
		"नमस्ते दुनिया", "ไทย", "e\u0301e\u0308 \u0301", "👍🏽👨‍👩‍👧 🇫🇷", "\u00a0nbsp\u00a0\u00a0", "\u2003em\u2003", "\u3000全角\u3000", "\u200bzero\u200b", "\ufeffbom",
		"\u0085x\u0085", "\u2028l\u2029p", "\x00nul\x00", "\x1b[31m", "\x7f", "a\x80b", "\xff\xfe", "\xe2\x82", "\xf0\x9f\x98", "\xc3",
		"<s>", "</s>", "<|im_start|>user\nhi<|im_end|>", "<|im_start|>", "<|im_", "im_start|>", "<|end|>", "x<|end|>  y", "<unk>", "<0x41>", "▁", "▁▁x", " ▁ ",
		"<|user|> \n hello <|assistant|>", "<tool> x </tool>", "<<s>>", "<s><s>", "[EMPTY_3]", "Ġ", "Ġhello", "ĊĊ",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", strings.Repeat("ab", 200), strings.Repeat(" ", 100), strings.Repeat("\n", 70),
		strings.Repeat("the ", 80), strings.Repeat("é", 60), strings.Repeat("=", 90), strings.Repeat("0", 61), strings.Repeat("aB", 50), strings.Repeat("日", 55),
		"camelCaseAndPascalCase HTTPServer iPhone eBay ÉCOLEécole ÀbcDéf", "éA Aé AéB aÉb", "/path/to/file.go:12", "https://x.y/z?a=b&c=d#e", "a/b\n/\n//\r\n", "!\n\n?\r\n;", "$1+2=3<4>5^6~7|8`9", "(a)[b]{c}",
		"#include <stdio.h>", "@user: #tag!", "...", "…", "—dash–", "“quoted” ‘x’", "€5 £6 ¥7 ₿8", "x\u00b2\u00bc", "\U0002ebf0\U0002ffff\u0378", "𝒳𝓎𝟘𝟙", "ǅ ǈ ᾈ",
		"'", "''", "'s", "'S", "'re", "'RE", "'lL", "x'", "' s", "'\u017f", "'\u212a",
		"  leading and trailing  ", "\t\ttabs\t\t", "mixed \t \n \t spaces", " \u00a0 ", "a\u00a0b", "x \n\n y", "x\n \ny", "   \n   ", "\u000b\u000c",
	}
}

func pieces() []string {
	return []string{
		"a", "b", "z", "A", "Z", "the", "The", " the", "ing", "Hello", " world", "ABC", "aB", "Ab", " ", "  ", "   ", "\n", "\r", "\r\n", "\t", "\v", "\u00a0", "\u3000", "\u0085", "\u2028",
		"'", "'s", "'T", "'re", "'LL", "'d", "0", "1", "42", "999", "٣", "²", "Ⅻ", ".", ",", "!", "?", ";", "(", ")", "[", "]", "{", "}", "<", ">", "=", "+", "-", "*", "/", "\\", "|", "`", "~", "^", "$", "%", "#", "@", "&", "_", "\"",
		"é", "É", "ß", "Ж", "ж", "日", "本", "の", "カ", "한", "ש", "ع", "न", "\u0301", "\u093f", "👍", "🏽", "\u200d", "\u200b", "€", "—", "…", "。", "，", "𝒳", "ǅ", "\u0378", "\U0002ebf0", "\x00", "\x01", "\x1b", "\x7f",
		"<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|end|>", "<|user|>", "<|assistant|>", "<tool>", "</tool>", "▁", "Ġ", "\x80", "\xff", "\xe2\x82",
	}
}
