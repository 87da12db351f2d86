package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const head = "FROM rust:1 AS build\nWORKDIR /build\nFROM scratch\nARG VERSION=1.2.3\nLABEL org.opencontainers.image.version=$VERSION\n"
const file = "COPY --from=build --chmod=755 /build/pullpass /usr/local/bin/pullpass\n"

func TestTheImageIsWhatTheManifestsExpect(t *testing.T) {
	image := assembled(t, "..", buildRoot(t), nil).image
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		User:         "65532:65532",
		Entrypoint:   []string{"/usr/local/bin/pullpass"},
		Cmd:          []string{"webhook"},
		ArgsEscaped:  true,
		WorkingDir:   "/",
		Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		ExposedPorts: map[string]struct{}{"8443/tcp": {}, "8080/tcp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "Pullpass",
			"org.opencontainers.image.description": "The right pull secret for every Pod: a Kubernetes mutating admission webhook",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     crateVersion(t),
			"org.opencontainers.image.revision":    "unknown",
		},
	}
	if !reflect.DeepEqual(config.Config, want) {
		t.Errorf("the configuration is\n%+v\nnot\n%+v", config.Config, want)
	}
	entries := entriesOf(t, image)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name)
		if e.Mode != 0o755 || e.Uid != 0 || e.Gid != 0 || !e.ModTime.Equal(epoch) {
			t.Errorf("%s: mode %o, owner %d:%d, time %s", e.Name, e.Mode, e.Uid, e.Gid, e.ModTime)
		}
	}
	if want := []string{"usr/", "usr/local/", "usr/local/bin/", "usr/local/bin/pullpass"}; !reflect.DeepEqual(names, want) {
		t.Errorf("the files are %q, not %q", names, want)
	}
	if last := entries[len(entries)-1]; !bytes.Equal(last.content, staticProgram()) {
		t.Error("the program in the image is not that of the build stage")
	}
}

func TestTheDigestIsThatOfTheContentAlone(t *testing.T) {
	first := assembled(t, "..", buildRoot(t), nil)
	again := assembled(t, "..", buildRoot(t), nil)
	other := buildRoot(t)
	program := filepath.Join(other, "build/pullpass")
	if err := os.Chtimes(program, time.Now(), time.Unix(1234567890, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	strict := assembled(t, "..", other, nil)
	for name, it := range map[string]result{"again": again, "other times and modes": strict} {
		if it.digest != first.digest || !bytes.Equal(it.archive, first.archive) {
			t.Errorf("%s: %s, not %s, or another archive", name, it.digest, first.digest)
		}
	}
	if err := os.WriteFile(program, append(staticProgram(), 0), 0o700); err != nil {
		t.Fatal(err)
	}
	if changed := assembled(t, "..", other, nil); changed.digest == first.digest {
		t.Error("another program has the same digest")
	}
}

func TestArgumentsReachTheLabelsAndTheName(t *testing.T) {
	it := assembled(t, "..", buildRoot(t), map[string]string{"VERSION": "9.8.7", "REVISION": "abc"})
	config, err := it.image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	labels := config.Config.Labels
	if labels[versionLabel] != "9.8.7" || labels["org.opencontainers.image.revision"] != "abc" {
		t.Errorf("labels: %v", labels)
	}
	if it.name != "docker.io/library/pullpass:9.8.7" {
		t.Errorf("the name is %s", it.name)
	}
}

func TestTheArchiveIsTheLayout(t *testing.T) {
	it := assembled(t, "..", buildRoot(t), nil)
	if err := validate.Image(it.image); err != nil {
		t.Error(err)
	}
	unpacked := t.TempDir()
	seen := unpack(t, it.archive, unpacked)
	if want := []string{"blobs/", "blobs/sha256/"}; !reflect.DeepEqual(seen[:2], want) || seen[len(seen)-1] != "oci-layout" {
		t.Errorf("the archive has %q", seen)
	}
	image, descriptor := only(t, unpacked)
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	if descriptor.Digest != it.digest {
		t.Errorf("the archive has %s, the layout %s", descriptor.Digest, it.digest)
	}
	version := crateVersion(t)
	want := map[string]string{refAnnotation: version, nameAnnotation: "docker.io/library/pullpass:" + version}
	if !reflect.DeepEqual(descriptor.Annotations, want) {
		t.Errorf("annotations %v, not %v", descriptor.Annotations, want)
	}
	if !descriptor.Platform.Equals(platform()) {
		t.Errorf("the platform is %s", descriptor.Platform)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.MediaType != types.OCIManifestSchema1 || manifest.Config.MediaType != types.OCIConfigJSON ||
		manifest.Layers[0].MediaType != types.OCILayer {
		t.Errorf("not all media types are OCI's: %+v", manifest)
	}
}

func TestWhatIsSaidOfTheImage(t *testing.T) {
	it := assembled(t, "..", buildRoot(t), nil)
	for _, want := range []string{"docker.io/library/pullpass:" + crateVersion(t) + ", linux/", "digest   " + it.digest.String() + "\n", "MiB, compressed\n"} {
		if !strings.Contains(it.report, want) {
			t.Errorf("no %q in\n%s", want, it.report)
		}
	}
}

func TestAssemblingLeavesNothingOut(t *testing.T) {
	for text, want := range map[string]string{
		"RUN echo\n":                             "RUN cannot be assembled",
		"ADD a /a\n":                             "ADD cannot be assembled",
		"ENV A=1\n":                              "ENV cannot be assembled",
		"WORKDIR /a\n":                           "WORKDIR cannot be assembled",
		"VOLUME /a\n":                            "VOLUME cannot be assembled",
		"STOPSIGNAL SIGTERM\n":                   "STOPSIGNAL cannot be assembled",
		"HEALTHCHECK NONE\n":                     "HEALTHCHECK cannot be assembled",
		"ONBUILD RUN echo\n":                     "ONBUILD cannot be assembled",
		"SHELL [\"/bin/sh\"]\n":                  "SHELL cannot be assembled",
		"USER nonroot\n":                         "UID:GID",
		"USER 65532\n":                           "UID:GID",
		"EXPOSE 8443\n":                          "PORT/tcp",
		"EXPOSE 8000-8010/tcp\n":                 "PORT/tcp",
		"CMD webhook\n":                          "no shell",
		"ENTRYPOINT pullpass\n":                  "no shell",
		"ARG A\n":                                "neither a default",
		"COPY --chmod=755 a /a\n":                "--from=build",
		"COPY --from=busybox --chmod=755 a /a\n": "--from=build",
		"COPY --from=build /build/pullpass /a\n": "--chmod",
		"COPY --from=build --chmod=u+x /build/pullpass /a\n":             "--chmod",
		"COPY --from=build --chmod=755 --chown=1:1 /build/pullpass /a\n": "only --from and --chmod",
		"COPY --from=build --chmod=755 --link /build/pullpass /a\n":      "only --from and --chmod",
		"COPY --from=build --chmod=755 /build/pull* /a/\n":               "name one file",
		"COPY --from=build --chmod=755 /build/a /build/b /a/\n":          "name one file",
		"COPY --from=build --chmod=755 /build/pullpass a\n":              "not absolute",
		"COPY --from=build --chmod=755 /build /a\n":                      "no regular file",
		"COPY --from=build --chmod=755 /build/link /a\n":                 "no regular file",
		"COPY --from=build --chmod=755 /build/missing /a\n":              "the build stage has no",
		"COPY --from=build --chmod=755 /build/dynamic /a\n":              "dynamic loader",
		"COPY --from=build --chmod=755 /build/script /a\n":               "no ELF binary",
		file + "COPY --from=build --chmod=755 /build/pullpass /usr\n":    "is a folder",
	} {
		root := buildRoot(t)
		write(t, filepath.Join(root, "build/dynamic"), program("/lib64/ld-linux-x86-64.so.2"))
		write(t, filepath.Join(root, "build/script"), []byte("#!/bin/sh\n"))
		if err := os.Symlink("pullpass", filepath.Join(root, "build/link")); err != nil {
			t.Fatal(err)
		}
		expectError(t, assembly{contextWith(t, head+text, ""), root, t.TempDir(), nil}, want)
	}
	for text, want := range map[string]string{
		"FROM rust:1 AS build\nFROM debian:12\n":                      "FROM scratch",
		"FROM rust:1 AS build\nFROM --platform=linux/amd64 scratch\n": "FROM scratch",
		"FROM rust:1 AS build\nFROM scratch\n" + file:                 versionLabel,
		"FROM rust:1 AS build\nFROM scratch\nLABELS a=b\n":            "unknown instruction",
	} {
		expectError(t, assembly{contextWith(t, text, ""), buildRoot(t), t.TempDir(), nil}, want)
	}
	given := map[string]string{"REVISON": "abc"}
	expectError(t, assembly{contextWith(t, head+file, ""), buildRoot(t), t.TempDir(), given}, "no ARG REVISON")
}

func expectError(t *testing.T, a assembly, want string) {
	t.Helper()
	err := assemble(a, io.Discard)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("want an error about %q, got %v", want, err)
	}
	if entries, _ := os.ReadDir(a.target); len(entries) > 0 {
		t.Errorf("%q: something was written: %v", want, entries)
	}
}

// result is an assembled image, read back from its layout by go-containerregistry.
type result struct {
	image   v1.Image
	digest  v1.Hash
	name    string
	archive []byte
	report  string
}

func assembled(t *testing.T, buildContext, root string, arguments map[string]string) result {
	t.Helper()
	target := t.TempDir()
	var out bytes.Buffer
	if err := assemble(assembly{buildContext, root, target, arguments}, &out); err != nil {
		t.Fatal(err)
	}
	image, descriptor := only(t, filepath.Join(target, "oci"))
	archives, err := filepath.Glob(filepath.Join(target, "pullpass-"+descriptor.Annotations[refAnnotation]+".tar"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("archives: %v, %v", archives, err)
	}
	archive, err := os.ReadFile(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	return result{image, descriptor.Digest, descriptor.Annotations[nameAnnotation], archive, out.String()}
}

// only is the one image of a layout.
func only(t *testing.T, folder string) (v1.Image, v1.Descriptor) {
	t.Helper()
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("the layout has %d images", len(manifest.Manifests))
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image, manifest.Manifests[0]
}

type entry struct {
	*tar.Header
	content []byte
}

// entriesOf is what is in the layers, in their order.
func entriesOf(t *testing.T, image v1.Image) []entry {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, read(t, content)...)
		if err := content.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return entries
}

func read(t *testing.T, archive io.Reader) (entries []entry) {
	t.Helper()
	in := tar.NewReader(archive)
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry{header, content})
	}
}

func unpack(t *testing.T, archive []byte, folder string) (names []string) {
	t.Helper()
	for _, e := range read(t, bytes.NewReader(archive)) {
		names = append(names, e.Name)
		if e.Typeflag == tar.TypeReg {
			write(t, filepath.Join(folder, e.Name), e.content)
		}
	}
	return names
}

// buildRoot stands for the root of the build stage after its steps.
func buildRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "build/pullpass"), staticProgram())
	return root
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o755); err != nil {
		t.Fatal(err)
	}
}

func staticProgram() []byte { return program("") }

// program is the least that is an ELF binary, with a loader if one is named.
func program(loader string) []byte {
	const headers = 64 + 56
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	copy(header.Ident[:], elf.ELFMAG+string([]byte{byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}))
	segment := elf.Prog64{Type: uint32(elf.PT_LOAD), Off: headers, Filesz: uint64(len(loader))}
	if loader != "" {
		segment.Type = uint32(elf.PT_INTERP)
	}
	var out bytes.Buffer
	for _, part := range []any{header, segment, []byte(loader)} {
		if err := binary.Write(&out, binary.LittleEndian, part); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
	}
	return out.Bytes()
}

func crateVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../Cargo.toml")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if version, found := strings.CutPrefix(line, "version = "); found {
			return strings.Trim(version, "\"\n")
		}
	}
	t.Fatal("Cargo.toml has no version")
	return ""
}
