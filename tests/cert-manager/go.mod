// cert-manager, for the definitions of its kinds: the manifests of deploy/overlays/cert-manager are
// tried against them. `./crds` prints the folder that they are in.
module pullpass.io/tests/cert-manager

go 1.26.0

require github.com/cert-manager/cert-manager v1.21.2
