package main

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/buildkit/util/system"
)

// finalStage is what the last stage of a Dockerfile says of the image.
type finalStage struct {
	config v1.Config
	// In the order of the Dockerfile.
	instructions []instruction
	arguments    map[string]string
}

// instruction is one line of the image's history, and the layer of a COPY.
type instruction struct {
	text string
	copy *copiedFile
}

// copiedFile is one file of the build stage and its place in the image.
type copiedFile struct {
	source, destination string
	mode                int64
}

var (
	port    = regexp.MustCompile(`^[0-9]+/(tcp|udp)$`)
	numbers = regexp.MustCompile(`^[0-9]+:[0-9]+$`)
)

// readFinalStage reads the last stage with these values for its ARGs. An instruction that it cannot
// express is an error, never left out.
func readFinalStage(buildContext string, given map[string]string) (*finalStage, error) {
	file, err := parseDockerfile(filepath.Join(buildContext, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	last := file.stages[len(file.stages)-1]
	if last.BaseName != "scratch" || last.Platform != "" {
		return nil, fmt.Errorf("%s: only a final stage FROM scratch can be assembled without a registry", last.SourceCode)
	}
	stage := &finalStage{
		config: v1.Config{
			WorkingDir: "/",
			Env:        []string{"PATH=" + system.DefaultPathEnv("linux")},
		},
		arguments: map[string]string{},
	}
	for _, command := range last.Commands {
		if err := stage.add(command, file.words, given); err != nil {
			return nil, err
		}
	}
	for name := range given {
		if _, known := stage.arguments[name]; !known {
			return nil, fmt.Errorf("the final stage has no ARG %s", name)
		}
	}
	return stage, nil
}

func (s *finalStage) add(command instructions.Command, words *shell.Lex, given map[string]string) error {
	values := s.values()
	if c, expands := command.(instructions.SupportsSingleWordExpansion); expands {
		err := c.Expand(func(word string) (string, error) {
			expanded, _, err := words.ProcessWord(word, values)
			return expanded, err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
	}
	line := instruction{text: fmt.Sprint(command)}
	var err error
	switch c := command.(type) {
	case *instructions.ArgCommand:
		err = s.argument(c, given)
	case *instructions.LabelCommand:
		err = s.label(c)
	case *instructions.CopyCommand:
		line.copy, err = s.file(c)
	case *instructions.UserCommand:
		s.config.User = c.User
		if !numbers.MatchString(c.User) {
			err = errors.New("write USER UID:GID: the image has no /etc/passwd to look a name up")
		}
	case *instructions.ExposeCommand:
		err = s.expose(c, words, values)
	case *instructions.EntrypointCommand:
		s.config.Entrypoint, err = withoutShell(c.ShellDependantCmdLine)
	case *instructions.CmdCommand:
		s.config.Cmd, err = withoutShell(c.ShellDependantCmdLine)
		s.config.ArgsEscaped = true // as BuildKit does; it has a meaning on Windows alone
	default:
		err = fmt.Errorf("%s cannot be assembled without a container engine", command.Name())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	s.instructions = append(s.instructions, line)
	return nil
}

// values are what $NAME stands for.
func (s *finalStage) values() shell.EnvGetter {
	var pairs []string
	for name, value := range s.arguments {
		pairs = append(pairs, name+"="+value)
	}
	return shell.EnvsFromSlice(append(pairs, s.config.Env...))
}

func (s *finalStage) argument(c *instructions.ArgCommand, given map[string]string) error {
	for _, argument := range c.Args {
		value, isGiven := given[argument.Key]
		switch {
		case isGiven:
			s.arguments[argument.Key] = value
		case argument.Value != nil:
			s.arguments[argument.Key] = *argument.Value
		default:
			return fmt.Errorf("%s has neither a default nor a given value", argument.Key)
		}
	}
	return nil
}

func (s *finalStage) label(c *instructions.LabelCommand) error {
	if s.config.Labels == nil {
		s.config.Labels = map[string]string{}
	}
	for _, label := range c.Labels {
		s.config.Labels[label.Key] = label.Value
	}
	return nil
}

func (s *finalStage) expose(c *instructions.ExposeCommand, words *shell.Lex, values shell.EnvGetter) error {
	if s.config.ExposedPorts == nil {
		s.config.ExposedPorts = map[string]struct{}{}
	}
	for _, text := range c.Ports {
		ports, err := words.ProcessWords(text, values)
		if err != nil {
			return err
		}
		for _, p := range ports {
			if !port.MatchString(p) {
				return fmt.Errorf("write %s as PORT/tcp or PORT/udp", p)
			}
			s.config.ExposedPorts[p] = struct{}{}
		}
	}
	return nil
}

func (s *finalStage) file(c *instructions.CopyCommand) (*copiedFile, error) {
	switch {
	case c.From != buildStage:
		return nil, fmt.Errorf("only --from=%s can be assembled", buildStage)
	case c.Chown != "" || c.Link || c.Parents || len(c.ExcludePatterns) > 0 || len(c.SourceContents) > 0:
		return nil, errors.New("only --from and --chmod can be assembled")
	case len(c.SourcePaths) != 1 || strings.ContainsAny(c.SourcePaths[0], `*?[\`):
		return nil, errors.New("name one file: nothing else can be assembled")
	case !path.IsAbs(c.DestPath):
		return nil, fmt.Errorf("%s is not absolute", c.DestPath)
	}
	// Without it the mode would be that of the file, and so of the umask of the build.
	mode, err := strconv.ParseUint(c.Chmod, 8, 12)
	if err != nil {
		return nil, fmt.Errorf("write --chmod=MODE, an octal number: %w", err)
	}
	file := &copiedFile{source: path.Clean("/" + c.SourcePaths[0]), destination: path.Clean(c.DestPath), mode: int64(mode)}
	if strings.HasSuffix(c.DestPath, "/") {
		file.destination = path.Join(c.DestPath, path.Base(file.source))
	}
	for _, earlier := range s.instructions {
		// COPY to what is a folder already would put the file into it.
		if earlier.copy != nil && strings.HasPrefix(earlier.copy.destination, file.destination+"/") {
			return nil, fmt.Errorf("%s is a folder: end it with /", file.destination)
		}
	}
	return file, nil
}

func withoutShell(line instructions.ShellDependantCmdLine) ([]string, error) {
	if line.PrependShell {
		return nil, errors.New(`write ["PROGRAM", "ARGUMENT"]: the image has no shell`)
	}
	return line.CmdLine, nil
}
