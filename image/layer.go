package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// epoch is the time of all that is in the image, so that the time of a build is no part of it.
var epoch = time.Unix(0, 0).UTC()

// layerOf is a layer with this file of the build stage, and the folders that it lies in.
func layerOf(root *os.Root, file *copiedFile) (v1.Layer, int64, error) {
	content, err := readRegular(root, file.source)
	if err != nil {
		return nil, 0, err
	}
	if file.mode&0o111 != 0 {
		if err := checkStatic(content); err != nil {
			return nil, 0, fmt.Errorf("%s would not start in the image: %w", file.source, err)
		}
	}
	var archive bytes.Buffer
	out := tar.NewWriter(&archive)
	folder := ""
	for _, name := range strings.Split(strings.Trim(path.Dir(file.destination), "/"), "/") {
		if name == "" {
			continue // the root, which every image has
		}
		folder += name + "/"
		if err := out.WriteHeader(header(tar.TypeDir, folder, 0o755, 0)); err != nil {
			return nil, 0, err
		}
	}
	if err := out.WriteHeader(header(tar.TypeReg, file.destination[1:], file.mode, int64(len(content)))); err != nil {
		return nil, 0, err
	}
	if _, err := out.Write(content); err != nil {
		return nil, 0, err
	}
	if err := out.Close(); err != nil {
		return nil, 0, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestCompression),
		tarball.WithCompressedCaching,
	)
	return layer, int64(len(content)), err
}

// header is an entry of root's, as COPY makes it.
func header(kind byte, name string, mode, size int64) *tar.Header {
	return &tar.Header{Typeflag: kind, Name: name, Mode: mode, Size: size, ModTime: epoch, Format: tar.FormatUSTAR}
}

func readRegular(root *os.Root, name string) ([]byte, error) {
	inside := strings.TrimPrefix(name, "/")
	info, err := root.Lstat(inside)
	if err != nil {
		return nil, fmt.Errorf("the build stage has no %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s of the build stage is no regular file; nothing else can be assembled", name)
	}
	return root.ReadFile(inside)
}

// checkStatic refuses a program that needs a loader or a library: an image from scratch has none.
func checkStatic(program []byte) error {
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("it is no ELF binary: %w", err)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return errors.New("it needs a dynamic loader; build it with -Ctarget-feature=+crt-static")
		}
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("failed to read what it links to: %w", err)
	}
	if len(libraries) > 0 {
		return fmt.Errorf("it needs %s; build it with -Ctarget-feature=+crt-static", strings.Join(libraries, ", "))
	}
	return nil
}
