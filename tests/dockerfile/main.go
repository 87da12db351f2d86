// Lints a Dockerfile with BuildKit's rules, or prints its build stage as a shell script.
package main

import (
	"context"
	"fmt"
	"os"
)

const usage = "usage: dockerfile lint|steps CONTEXT"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "dockerfile:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command, buildContext string) error {
	switch command {
	case "lint":
		return lintDockerfile(ctx, buildContext, os.Stdout)
	case "steps":
		return printSteps(buildContext, os.Stdout)
	default:
		return fmt.Errorf("unknown command %q; %s", command, usage)
	}
}
