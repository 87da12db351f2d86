// Lean is a webhook that does what Pullpass does to Pods with Go's own net/http and encoding/json, and reads of a Pod only what
// it needs.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"pullpass.io/bench/rules"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, rules.ParseFlags()); err != nil {
		fmt.Fprintln(os.Stderr, "lean:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, flags rules.Flags) error {
	compiled, err := rules.Load(flags.Config)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /mutate", &injector{rules: compiled})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler:           mux,
		Protocols:         protocols,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       90 * time.Second,
	}
	listener, err := net.Listen("tcp", flags.Listen)
	if err != nil {
		return err
	}
	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		drained <- server.Shutdown(context.Background())
	}()
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	if err := server.ServeTLS(listener, flags.TLSCert, flags.TLSKey); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-drained
}
