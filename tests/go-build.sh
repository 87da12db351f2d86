# What the build scripts of the tests share; to be sourced by sh with `set -eu` in force.

cache_root=${XDG_CACHE_HOME:-$HOME/.cache}/pullpass

fail() {
    printf 'tests/%s: %s\n' "$script" "$1" >&2
    exit 1
}

need_go() { # need_go FOLDER: Go is there, for the module in that folder
    command -v go >/dev/null || fail "Go is missing, and the programs of the tests are built with it.
  Install Go $(sed -n 's/^go //p' "$1/go.mod") or newer (https://go.dev/doc/install) and run this again."
}

# Compiling and linking Kubernetes takes up to 2 GiB a job.
jobs() {
    count=$(getconf _NPROCESSORS_ONLN)
    if [ -r /proc/meminfo ]; then
        fit=$(awk '/^MemAvailable:/ { print int($2 / 2097152) }' /proc/meminfo)
        [ "$fit" -ge "$count" ] || count=$fit
    fi
    [ "$count" -ge 1 ] || count=1
    echo "$count"
}

compile() { # compile FOLDER LDFLAGS ARGUMENT...: go build of packages that this folder's module pins
    module=$1
    ldflags=$2
    shift 2
    (cd "$module" && go build -p "$(jobs)" -trimpath -buildvcs=false -ldflags "-s -w $ldflags" "$@") >&2 ||
        fail "Go could not build $*: its messages are above. Nothing was added to the cache."
}

compile_kubernetes() { # compile_kubernetes FOLDER INTO PACKAGE...: programs that tell their version
    release=$(cd "$1" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
    major=${release#v}
    major=${major%%.*}
    minor=${release#v*.}
    minor=${minor%%.*}
    version=k8s.io/component-base/version
    folder=$1
    into=$2
    shift 2
    CGO_ENABLED=0 compile "$folder" "-X $version.gitVersion=$release \
        -X $version.gitMajor=$major -X $version.gitMinor=$minor" -o "$into/" "$@"
}

# Fills FOLDER by the given function, unless that was done before. Whoever comes second waits for the
# first; a folder appears only when it is whole.
once() { # once FOLDER FUNCTION
    [ ! -d "$1" ] || return 0
    mkdir -p "$(dirname "$1")"
    exec 9>"$1.lock"
    flock 9
    if [ ! -d "$1" ]; then
        unfinished=$(mktemp -d "$1.XXXXXX")
        trap 'rm -rf -- "$unfinished"' EXIT
        trap 'exit 1' HUP INT TERM
        "$2" "$unfinished"
        chmod 755 "$unfinished"
        mv -- "$unfinished" "$1"
    fi
    exec 9>&-
}
