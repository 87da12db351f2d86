package rules

import "strings"

// A glob in which * stands for zero or more characters.
type glob struct {
	// The literal text between wildcards; one alone where there is none.
	pieces []string
}

func newGlob(text string) glob {
	return glob{pieces: strings.Split(text, "*")}
}

func newGlobs(texts []string) []glob {
	var globs []glob
	for _, text := range texts {
		globs = append(globs, newGlob(text))
	}
	return globs
}

func (g glob) hasWildcard() bool {
	return len(g.pieces) > 1
}

func (g glob) matches(text string) bool {
	last := len(g.pieces) - 1
	if last == 0 {
		return g.pieces[0] == text
	}
	rest, found := strings.CutPrefix(text, g.pieces[0])
	if !found {
		return false
	}
	for _, piece := range g.pieces[1:last] {
		if _, rest, found = strings.Cut(rest, piece); !found {
			return false
		}
	}
	return strings.HasSuffix(rest, g.pieces[last])
}
