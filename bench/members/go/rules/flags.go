package rules

import "flag"

// Flags are those of each server that is measured.
type Flags struct {
	Listen, TLSCert, TLSKey, Config string
}

// ParseFlags reads the command line.
func ParseFlags() Flags {
	var flags Flags
	flag.StringVar(&flags.Listen, "listen", "127.0.0.1:8443", "the address to serve on")
	flag.StringVar(&flags.TLSCert, "tls-cert", "tls.crt", "the file of the certificate")
	flag.StringVar(&flags.TLSKey, "tls-key", "tls.key", "the file of its key")
	flag.StringVar(&flags.Config, "config", "config.yaml", "the file of Pullpass's configuration")
	flag.Parse()
	return flags
}
