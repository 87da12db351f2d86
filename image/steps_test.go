package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryFindingIsPrintedAndIsAnError(t *testing.T) {
	folder := contextWith(t, "FROM rust:1 as build\nENV API_TOKEN=x\nRUN echo\n", "")
	var out bytes.Buffer
	if err := lintDockerfile(t.Context(), folder, &out); err == nil {
		t.Error("a Dockerfile with findings passed")
	}
	for _, rule := range []string{"FromAsCasing", "SecretsUsedInArgOrEnv"} {
		if !strings.Contains(out.String(), rule) {
			t.Errorf("%s is not reported:\n%s", rule, &out)
		}
	}
}

func TestAnUnknownInstructionIsAnError(t *testing.T) {
	folder := contextWith(t, "FROM rust:1\nRUNN echo\n", "")
	var out bytes.Buffer
	if err := lintDockerfile(t.Context(), folder, &out); err == nil {
		t.Error("a Dockerfile that does not parse passed")
	}
}

func TestStepsLeaveNothingOut(t *testing.T) {
	for name, dockerfile := range map[string]string{
		"ENV":            "FROM rust:1 AS build\nWORKDIR /b\nENV A=1\n",
		".dockerignore":  "FROM rust:1 AS build\nWORKDIR /b\nCOPY certs .\n",
		"stage":          "FROM rust:1\nRUN echo\n",
		"plain shell":    "FROM rust:1 AS build\nWORKDIR /b\nRUN --mount=type=cache,target=/x echo\n",
		"not absolute":   "FROM rust:1 AS build\nWORKDIR b\n",
		"of the context": "FROM rust:1 AS build\nWORKDIR /b\nCOPY --from=other /a b\n",
		"relative place": "FROM rust:1 AS build\nWORKDIR /b\nCOPY a /etc/a\n",
	} {
		err := printSteps(contextWith(t, dockerfile, "certs\n"), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error about %q, got %v", name, err)
		}
	}
}

func contextWith(t *testing.T, dockerfile, ignore string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": dockerfile, ".dockerignore": ignore} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
