package rules

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// A pattern is `*`, or DOMAIN/PATH[:TAG].
type pattern struct {
	any    bool
	domain domain
	path   glob
	// nil: any tag or digest.
	tag *glob
}

// A domain is a text, or labels of which at least one has a wildcard, and a port.
type domain struct {
	exact  string
	labels []glob
	port   string
}

// An image is a reference, taken apart.
type image struct {
	domain, path, tag string
	hasTag            bool
}

// parseImage reads a reference as the kubelet does. What is none matches nothing.
func parseImage(text string) (image, bool) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return image{}, false
	}
	parsed := image{domain: reference.Domain(named), path: reference.Path(named)}
	if tagged, ok := reference.TagNameOnly(named).(reference.Tagged); ok {
		parsed.tag, parsed.hasTag = tagged.Tag(), true
	}
	return parsed, true
}

func parsePattern(text string) (pattern, error) {
	if text == "*" {
		return pattern{any: true}, nil
	}
	host, rest, found := strings.Cut(text, "/")
	if !found {
		return pattern{}, fmt.Errorf("the pattern %q has no repository path", text)
	}
	path, tag, _ := strings.Cut(rest, ":")
	parsed := pattern{domain: parseDomain(host)}
	if parsed.domain.exact == "docker.io" && !strings.ContainsAny(path, "*/") {
		path = "library/" + path
	}
	parsed.path = newGlob(path)
	if tag != "" && tag != "*" {
		glob := newGlob(tag)
		parsed.tag = &glob
	}
	return parsed, nil
}

func parseDomain(text string) domain {
	if text == "index.docker.io" {
		text = "docker.io"
	}
	if !strings.Contains(text, "*") {
		return domain{exact: text}
	}
	host, port, _ := strings.Cut(text, ":")
	return domain{labels: newGlobs(strings.Split(host, ".")), port: port}
}

func (d domain) matches(text string) bool {
	if d.exact != "" {
		return d.exact == text
	}
	host, port, _ := strings.Cut(text, ":")
	if port != d.port || strings.Count(host, ".")+1 != len(d.labels) {
		return false
	}
	for _, label := range d.labels {
		var text string
		text, host, _ = strings.Cut(host, ".")
		if !label.matches(text) {
			return false
		}
	}
	return true
}

func (p *pattern) matches(image image) bool {
	return p.any || p.domain.matches(image.domain) && p.matchesWithin(image)
}

// matchesWithin leaves out the domain.
func (p *pattern) matchesWithin(image image) bool {
	return p.path.matches(image.path) && (p.tag == nil || image.hasTag && p.tag.matches(image.tag))
}
