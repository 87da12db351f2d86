// Command reference-oracle says how the kubelet reads image names.
//
// Stdin is a stream of JSON strings, one image a line. Stdout has one JSON object a line, in the same
// order: {"domain","path","tag","digest"}, with null for a part that is absent, or {"error"}.
// The tag is the effective one: "latest" where the name has neither tag nor digest.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/distribution/reference"
	"k8s.io/kubernetes/pkg/util/parsers"
)

type reading struct {
	Domain string  `json:"domain"`
	Path   string  `json:"path"`
	Tag    *string `json:"tag"`
	Digest *string `json:"digest"`
}

type refusal struct {
	Error string `json:"error"`
}

func main() {
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reference-oracle:", err)
		os.Exit(1)
	}
}

func answer(in io.Reader, out io.Writer) error {
	images := json.NewDecoder(bufio.NewReader(in))
	buffered := bufio.NewWriter(out)
	answers := json.NewEncoder(buffered)
	for {
		var image string
		if err := images.Decode(&image); errors.Is(err, io.EOF) {
			return buffered.Flush()
		} else if err != nil {
			return fmt.Errorf("read a JSON string from stdin: %w", err)
		}
		if err := answers.Encode(read(image)); err != nil {
			return fmt.Errorf("write the answer for %q: %w", image, err)
		}
	}
}

// read asks the kubelet's own function, and the library beneath it for what that one joins: the
// domain and the path.
func read(image string) any {
	repository, tag, digest, err := parsers.ParseImageName(image)
	if err != nil {
		return refusal{Error: err.Error()}
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return refusal{Error: err.Error()}
	}
	domain, path := reference.Domain(named), reference.Path(named)
	// A first part such as a_b.io looks like a host and is none: the name has no domain then.
	joined := domain + "/" + path
	if domain == "" {
		joined = path
	}
	if joined != repository {
		return refusal{Error: fmt.Sprintf("the kubelet reads repository %q, the library %q", repository, joined)}
	}
	return reading{Domain: domain, Path: path, Tag: present(tag), Digest: present(digest)}
}

func present(part string) *string {
	if part == "" {
		return nil
	}
	return &part
}
