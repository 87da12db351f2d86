package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
)

// lintDockerfile writes every finding to out; any finding is an error.
func lintDockerfile(ctx context.Context, buildContext string, out io.Writer) error {
	name := filepath.Join(buildContext, "Dockerfile")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	source := llb.NewSourceMap(nil, name, "Dockerfile", text)
	source.Definition = &llb.Definition{} // the file is here, not at the end of a build graph
	results, err := dockerfile2llb.DockerfileLint(ctx, text, dockerfile2llb.ConvertOpt{
		Config:       dockerui.Config{},
		SourceMap:    source,
		MetaResolver: bareImages{},
	})
	if err != nil {
		return fmt.Errorf("failed to lint %s: %w", name, err)
	}
	if results.Error != nil {
		results.PrintErrorTo(out, nil)
		return errors.New("the Dockerfile does not parse")
	}
	if err := results.PrintTo(out, nil); err != nil {
		return fmt.Errorf("failed to print the findings on %s: %w", name, err)
	}
	if n := len(results.Warnings); n > 0 {
		return fmt.Errorf("%d findings in %s", n, name)
	}
	return nil
}

// bareImages answers for every base image with the least there can be, so that linting needs no
// registry. What a rule says about the content of a base image is therefore not checked.
type bareImages struct{}

func (bareImages) ResolveImageConfig(_ context.Context, image string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := []byte(`{"os":"linux","architecture":"amd64","config":{"Env":["PATH=/usr/bin:/bin"]},"rootfs":{"type":"layers"}}`)
	return image, digest.FromBytes(config), config, nil
}
