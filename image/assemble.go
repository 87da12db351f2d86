package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	repository = "docker.io/library/pullpass"
	// The tag, and the name that containerd gives the image at its import.
	refAnnotation  = "org.opencontainers.image.ref.name"
	nameAnnotation = "io.containerd.image.name"
	versionLabel   = "org.opencontainers.image.version"
)

// assembly says where an image comes from and where it goes.
type assembly struct {
	// The build context: the folder of the Dockerfile.
	context string
	// What stands for the root of the build stage.
	root string
	// An existing folder, for the layout `oci` and the archive `pullpass-VERSION.tar`.
	target string
	// Values for ARGs of the final stage.
	arguments map[string]string
}

// assemble writes the image of the final stage as an OCI layout and an archive of it, and what there is
// to say about it to out.
func assemble(a assembly, out io.Writer) error {
	stage, err := readFinalStage(a.context, a.arguments)
	if err != nil {
		return err
	}
	version := stage.config.Labels[versionLabel]
	if version == "" {
		return fmt.Errorf("the final stage has no LABEL %s, the tag of the image", versionLabel)
	}
	image, binary, err := imageOf(stage, a.root)
	if err != nil {
		return err
	}
	folder := filepath.Join(a.target, "oci")
	if err := writeLayout(image, folder, version); err != nil {
		return fmt.Errorf("failed to write the layout %s: %w", folder, err)
	}
	archive := filepath.Join(a.target, "pullpass-"+version+".tar")
	if err := writeArchive(folder, archive); err != nil {
		return fmt.Errorf("failed to write the archive %s: %w", archive, err)
	}
	return report(image, repository+":"+version, binary, out)
}

func platform() v1.Platform {
	return v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
}

// imageOf is the image, and the size of the files in it.
func imageOf(stage *finalStage, folder string) (v1.Image, int64, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, 0, fmt.Errorf("failed to open the root of the build stage: %w", err)
	}
	defer root.Close()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS:           platform().OS,
		Architecture: platform().Architecture,
		Created:      v1.Time{Time: epoch},
		Config:       stage.config,
		RootFS:       v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, 0, err
	}
	image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var additions []mutate.Addendum
	var files int64
	for _, line := range stage.instructions {
		addition := mutate.Addendum{History: v1.History{
			Created: v1.Time{Time: epoch}, CreatedBy: line.text, EmptyLayer: line.copy == nil,
		}}
		if line.copy != nil {
			layer, size, err := layerOf(root, line.copy)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", line.text, err)
			}
			addition.Layer = layer
			files += size
		}
		additions = append(additions, addition)
	}
	image, err = mutate.Append(image, additions...)
	return image, files, err
}

func writeLayout(image v1.Image, folder, version string) error {
	to, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	return to.AppendImage(image,
		layout.WithPlatform(platform()),
		layout.WithAnnotations(map[string]string{refAnnotation: version, nameAnnotation: repository + ":" + version}))
}

// writeArchive is the layout as a tar, in the order of its names.
func writeArchive(folder, name string) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := tar.NewWriter(file)
	layout := os.DirFS(folder)
	err = fs.WalkDir(layout, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if entry.IsDir() {
			return out.WriteHeader(header(tar.TypeDir, name+"/", 0o755, 0))
		}
		content, err := fs.ReadFile(layout, name)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(header(tar.TypeReg, name, 0o644, int64(len(content)))); err != nil {
			return err
		}
		_, err = out.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return out.Close()
}

func report(image v1.Image, name string, files int64, out io.Writer) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	size := manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	const mebibyte = 1 << 20
	_, err = fmt.Fprintf(out, "image    %s, %s\ndigest   %s\nbinary   %.1f MiB\npulled   %.1f MiB, compressed\n",
		name, platform(), digest, float64(files)/mebibyte, float64(size)/mebibyte)
	return err
}
