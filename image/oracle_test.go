package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// BuildKit itself, which `docker build` runs, says what the image is to be.
func TestTheImageIsTheOneThatBuildKitWouldMake(t *testing.T) {
	real, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dockerfile string
		arguments  map[string]string
	}{
		"the Dockerfile":            {dockerfile: string(real)},
		"the Dockerfile, with ARGs": {string(real), map[string]string{"VERSION": "9.8.7", "REVISION": "abc"}},
		"quotes and variables": {dockerfile: head + file + `ARG A="a b" B=${VERSION}-x
LABEL a=$A b='$A' c="${B} ${MISSING:-else}" "d e"=f g=$PATH VERSION=none
LABEL a=$VERSION
ARG VERSION=2
LABEL after=$VERSION
EXPOSE 1/udp ${VERSION}/tcp
EXPOSE 1/udp
CMD ["$A"]
`},
		"the last wins": {dockerfile: head + file + `ENTRYPOINT ["a"]
CMD ["b"]
ENTRYPOINT ["c", "d"]
USER 1:1
USER 2:2
`},
		"several files": {dockerfile: head + `COPY --from=build --chmod=0444 /build/pullpass /etc/a
COPY --from=build --chmod=755 build/pullpass /bin/
COPY --from=build --chmod=600 /build/pullpass /etc/a
`},
	} {
		t.Run(name, func(t *testing.T) {
			root := buildRoot(t)
			it := assembled(t, contextWith(t, c.dockerfile, ""), root, c.arguments)
			want := buildKit(t, c.dockerfile, c.arguments)
			config, err := it.image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := asJSON(t, config.Config), asJSON(t, want.Image.Config); !reflect.DeepEqual(got, want) {
				t.Errorf("the configuration is\n%v\nBuildKit's is\n%v", got, want)
			}
			if config.OS != want.Image.OS || config.Architecture != want.Image.Architecture {
				t.Errorf("%s/%s, BuildKit's is %s/%s", config.OS, config.Architecture, want.Image.OS, want.Image.Architecture)
			}
			if got, want := emptyLayers(config.History), emptyLayersOf(want.Image.History); !reflect.DeepEqual(got, want) {
				t.Errorf("of the instructions, without a layer are %v, BuildKit's %v", got, want)
			}
			compareFiles(t, it.image, root, copiesOf(t, want.State))
		})
	}
}

func buildKit(t *testing.T, dockerfile string, arguments map[string]string) *dockerfile2llb.Result {
	t.Helper()
	result, err := dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(dockerfile), dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{BuildArgs: arguments},
		TargetPlatform: &ocispecs.Platform{OS: platform().OS, Architecture: platform().Architecture},
		MetaResolver:   bareImages{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func asJSON(t *testing.T, config any) (fields map[string]any) {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func emptyLayers(history []v1.History) (empty []bool) {
	for _, h := range history {
		empty = append(empty, h.EmptyLayer)
	}
	return empty
}

func emptyLayersOf(history []ocispecs.History) (empty []bool) {
	for _, h := range history {
		empty = append(empty, h.EmptyLayer)
	}
	return empty
}

// compareFiles holds the layers to the copies that BuildKit would make into an empty root.
func compareFiles(t *testing.T, image v1.Image, root string, copies []*pb.FileActionCopy) {
	t.Helper()
	var files []entry
	for _, e := range entriesOf(t, image) {
		if e.Typeflag == '0' {
			files = append(files, e)
		}
	}
	if len(files) != len(copies) || len(files) == 0 {
		t.Fatalf("%d files, BuildKit copies %d", len(files), len(copies))
	}
	for i, c := range copies {
		want, err := os.ReadFile(filepath.Join(root, c.Src))
		if err != nil {
			t.Fatal(err)
		}
		destination := c.Dest
		if destination[len(destination)-1] == '/' {
			destination += filepath.Base(c.Src)
		}
		got := files[i]
		if "/"+got.Name != destination || got.Mode != int64(c.Mode) || string(got.content) != string(want) {
			t.Errorf("%s, mode %o, %d bytes; BuildKit makes %s, mode %o, %d bytes", got.Name, got.Mode, len(got.content), destination, c.Mode, len(want))
		}
		if c.Owner != nil || got.Uid != 0 || got.Gid != 0 {
			t.Errorf("%s: owner %d:%d, BuildKit's %v", got.Name, got.Uid, got.Gid, c.Owner)
		}
		if !c.CreateDestPath {
			t.Errorf("%s: BuildKit would not make its folders", got.Name)
		}
	}
}

// copiesOf is what BuildKit copies into the final stage, first to last.
func copiesOf(t *testing.T, state llb.State) []*pb.FileActionCopy {
	t.Helper()
	definition, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]*pb.Op{}
	var last *pb.Op
	for _, text := range definition.Def {
		last = &pb.Op{}
		if err := last.UnmarshalVT(text); err != nil {
			t.Fatal(err)
		}
		operations[digest.FromBytes(text).String()] = last
	}
	var copies []*pb.FileActionCopy
	for next := operations[last.Inputs[0].Digest]; next != nil; {
		file := next.GetFile()
		if file == nil {
			t.Fatalf("the final stage does more than copy: %v", next)
		}
		actions := file.Actions
		if len(actions) != 1 || actions[0].GetCopy() == nil {
			t.Fatalf("not one copy: %v", actions)
		}
		copies = append([]*pb.FileActionCopy{actions[0].GetCopy()}, copies...)
		if actions[0].Input < 0 {
			break // into the empty root
		}
		next = operations[next.Inputs[actions[0].Input].Digest]
	}
	return copies
}
