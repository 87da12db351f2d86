// Lints a Dockerfile with BuildKit's rules, prints its build stage as a shell script, and assembles its
// final stage as an OCI image.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

const usage = `usage: image lint CONTEXT
       image steps CONTEXT
       image assemble [-arg NAME=VALUE]... CONTEXT ROOT TARGET`

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return errors.New(usage)
	}
	given := map[string]string{}
	flags := flag.NewFlagSet(words[0], flag.ContinueOnError)
	flags.Func("arg", "`NAME=VALUE` of an ARG of the final stage", func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return errors.New("write NAME=VALUE")
		}
		given[name] = value
		return nil
	})
	if err := flags.Parse(words[1:]); err != nil {
		return err
	}
	switch arguments := flags.Args(); {
	case words[0] == "lint" && len(arguments) == 1:
		return lintDockerfile(ctx, arguments[0], os.Stdout)
	case words[0] == "steps" && len(arguments) == 1:
		return printSteps(arguments[0], os.Stdout)
	case words[0] == "assemble" && len(arguments) == 3:
		return assemble(assembly{arguments[0], arguments[1], arguments[2], given}, os.Stdout)
	default:
		return errors.New(usage)
	}
}
