// Command reference-oracle says how the kubelet reads image names and pull secrets.
//
// Stdin is a stream of JSON values; stdout has one JSON object a line, in the same order.
//
// A string is an image. Its answer is {"domain","path","tag","digest"}, with null for a part that is
// absent, or {"error"}. The tag is the effective one: "latest" where the name has neither tag nor digest.
//
// {"type","content","images"} is a Secret of that type, its content in base64, and images to pull with
// it. Its answer is {"credentials"}, for each image the [user name, password] pairs that the kubelet
// tries, in base64 and in its order; or {"error"} where the Secret fails every pull.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
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

type pulls struct {
	Type    v1.SecretType `json:"type"`
	Content []byte        `json:"content"`
	Images  []string      `json:"images"`
}

type lookups struct {
	Credentials [][]credential `json:"credentials"`
}

// A user name and a password.
type credential [2][]byte

func main() {
	// The keyring writes a line for each key that it ignores.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reference-oracle:", err)
		os.Exit(1)
	}
}

func answer(in io.Reader, out io.Writer) error {
	questions := json.NewDecoder(bufio.NewReader(in))
	buffered := bufio.NewWriter(out)
	answers := json.NewEncoder(buffered)
	for {
		var question json.RawMessage
		if err := questions.Decode(&question); errors.Is(err, io.EOF) {
			return buffered.Flush()
		} else if err != nil {
			return fmt.Errorf("read a JSON value from stdin: %w", err)
		}
		reply, err := reply(question)
		if err != nil {
			return err
		}
		if err := answers.Encode(reply); err != nil {
			return fmt.Errorf("write the answer for %s: %w", question, err)
		}
	}
}

func reply(question json.RawMessage) (any, error) {
	var image string
	if json.Unmarshal(question, &image) == nil {
		return read(image), nil
	}
	var wanted pulls
	if err := json.Unmarshal(question, &wanted); err != nil {
		return nil, fmt.Errorf("neither an image nor a Secret: %s: %w", question, err)
	}
	return lookUp(wanted)
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

// lookUp builds the keyring of a Pod with one pull secret, on a node without credentials of its own,
// and looks each image up as the kubelet's image manager does.
func lookUp(wanted pulls) (any, error) {
	secret := v1.Secret{Type: wanted.Type, Data: map[string][]byte{
		v1.DockerConfigJsonKey: wanted.Content,
		v1.DockerConfigKey:     wanted.Content,
	}}
	ofNode := &credentialprovider.BasicDockerKeyring{}
	keyring, err := secrets.MakeDockerKeyring([]v1.Secret{secret}, ofNode)
	if err != nil {
		return refusal{Error: err.Error()}, nil
	}
	answer := lookups{Credentials: make([][]credential, 0, len(wanted.Images))}
	for _, image := range wanted.Images {
		repository, _, _, err := parsers.ParseImageName(image)
		if err != nil {
			return nil, fmt.Errorf("parse an image to pull: %w", err)
		}
		found, _ := keyring.Lookup(repository)
		credentials := make([]credential, 0, len(found))
		for _, tried := range found {
			credentials = append(credentials, credential{[]byte(tried.Username), []byte(tried.Password)})
		}
		answer.Credentials = append(answer.Credentials, credentials)
	}
	return answer, nil
}
