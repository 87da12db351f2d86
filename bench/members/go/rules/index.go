package rules

import "strings"

// An index finds the patterns that match an image without a look at each: by the domain, and within it by the first part of
// the path, where these have no wildcard.
type index struct {
	any   []int
	hosts map[string]*host
	wild  []indexed
}

type host struct {
	byFirstPart map[string][]indexed
	rest        []indexed
}

type indexed struct {
	pattern pattern
	entry   int
}

func newIndex() index {
	return index{hosts: map[string]*host{}}
}

func (x *index) add(pattern pattern, entry int) {
	item := indexed{pattern, entry}
	switch {
	case pattern.any:
		x.any = append(x.any, entry)
	case pattern.domain.exact == "":
		x.wild = append(x.wild, item)
	default:
		found := x.hosts[pattern.domain.exact]
		if found == nil {
			found = &host{byFirstPart: map[string][]indexed{}}
			x.hosts[pattern.domain.exact] = found
		}
		found.add(item)
	}
}

func (h *host) add(item indexed) {
	path := item.pattern.path
	first, _, isWhole := strings.Cut(path.pieces[0], "/")
	if isWhole || !path.hasWildcard() {
		h.byFirstPart[first] = append(h.byFirstPart[first], item)
	} else {
		h.rest = append(h.rest, item)
	}
}

// entries appends the positions of the entries that match, in no order and perhaps twice.
func (x *index) entries(image image, found []int) []int {
	found = append(found, x.any...)
	if host := x.hosts[image.domain]; host != nil {
		first, _, _ := strings.Cut(image.path, "/")
		found = appendMatching(host.byFirstPart[first], image, found)
		found = appendMatching(host.rest, image, found)
	}
	for i := range x.wild {
		if x.wild[i].pattern.matches(image) {
			found = append(found, x.wild[i].entry)
		}
	}
	return found
}

func appendMatching(items []indexed, image image, found []int) []int {
	for i := range items {
		if items[i].pattern.matchesWithin(image) {
			found = append(found, items[i].entry)
		}
	}
	return found
}
