package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const buildStage = "build"

// printSteps writes the build stage as a POSIX shell script. The script takes the build context
// and an empty folder that stands for the root of the image. An instruction that it cannot
// express is an error, never left out.
func printSteps(buildContext string, out io.Writer) error {
	file, err := parseDockerfile(filepath.Join(buildContext, "Dockerfile"))
	if err != nil {
		return err
	}
	stages := file.stages
	ignored, err := ignoredFiles(buildContext)
	if err != nil {
		return err
	}
	build, found := instructions.HasStage(stages, buildStage)
	if !found {
		return fmt.Errorf("no stage is named %q", buildStage)
	}
	script := &script{ignored: ignored}
	script.line(`set -eu`)
	script.line(`context=${1:?the build context} root=${2:?an empty folder}`)
	script.line(`context=$(cd "$context" && pwd) root=$(cd "$root" && pwd)`)
	for _, command := range stages[build].Commands {
		if err := script.add(command); err != nil {
			return err
		}
	}
	for _, stage := range stages[build+1:] {
		for _, command := range stage.Commands {
			script.checkWhatIsTaken(command)
		}
	}
	_, err = out.Write(script.text.Bytes())
	return err
}

// dockerfile is the stages, and what knows its quotes and variables.
type dockerfile struct {
	stages []instructions.Stage
	words  *shell.Lex
}

func parseDockerfile(name string) (*dockerfile, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	tree, err := parser.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("failed to parse %s: %w", name, err)
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return nil, fmt.Errorf("failed to parse %s: %w", name, err)
	}
	if len(stages) == 0 {
		return nil, fmt.Errorf("%s has no stage", name)
	}
	return &dockerfile{stages: stages, words: shell.NewLex(tree.EscapeToken)}, nil
}

func ignoredFiles(buildContext string) (*patternmatcher.PatternMatcher, error) {
	name := filepath.Join(buildContext, ".dockerignore")
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("failed to read %s: %w", name, err)
	}
	return patternmatcher.New(patterns)
}

// script is the shell text so far, and the folder of the image that it stands in.
type script struct {
	text    bytes.Buffer
	folder  string
	ignored *patternmatcher.PatternMatcher
}

func (s *script) line(format string, arguments ...any) {
	fmt.Fprintf(&s.text, format+"\n", arguments...)
}

func (s *script) add(command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.WorkdirCommand:
		if !path.IsAbs(c.Path) {
			return fmt.Errorf("WORKDIR %s is not absolute", c.Path)
		}
		s.folder = c.Path
		s.line(`mkdir -p "$root"%s && cd "$root"%s`, quote(c.Path), quote(c.Path))
	case *instructions.CopyCommand:
		return s.copy(c)
	case *instructions.RunCommand:
		if !c.PrependShell || len(c.FlagsUsed) > 0 || len(c.Files) > 0 {
			return fmt.Errorf("%s: only plain shell commands can be run outside a container", c)
		}
		s.line(`/bin/sh -c %s`, quote(strings.Join(c.CmdLine, " ")))
	default:
		return fmt.Errorf("%s in stage %q cannot be run outside a container", command.Name(), buildStage)
	}
	return nil
}

func (s *script) copy(c *instructions.CopyCommand) error {
	if c.From != "" || len(c.SourceContents) > 0 || path.IsAbs(c.DestPath) {
		return fmt.Errorf("%s: only files of the context, to a relative place, can be copied outside a container", c)
	}
	for _, source := range c.SourcePaths {
		ignored, err := s.ignored.MatchesOrParentMatches(source)
		if err != nil {
			return fmt.Errorf("COPY %s: %w", source, err)
		}
		if ignored {
			return fmt.Errorf("COPY %s: .dockerignore keeps it out of the context", source)
		}
		// COPY puts a folder's content at the destination, and a file into it.
		s.line(`if [ -d "$context"/%[1]s ]; then mkdir -p %[2]s && cp -Rp "$context"/%[1]s/. %[2]s; else cp -p "$context"/%[1]s %[2]s; fi`,
			quote(source), quote(c.DestPath))
	}
	return nil
}

// checkWhatIsTaken makes the script fail where a later stage would find nothing to copy.
func (s *script) checkWhatIsTaken(command instructions.Command) {
	c, isCopy := command.(*instructions.CopyCommand)
	if !isCopy || c.From != buildStage {
		return
	}
	for _, source := range c.SourcePaths {
		s.line(`ls -l "$root"%s`, quote(source))
	}
}

// quote makes one word of the shell from any text.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
