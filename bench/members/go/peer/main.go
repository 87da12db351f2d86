// Peer is a webhook that does what Pullpass does to Pods, written as controller-runtime has it.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"pullpass.io/bench/rules"
)

func main() {
	if err := run(ctrl.SetupSignalHandler(), rules.ParseFlags()); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, flags rules.Flags) error {
	ctrl.SetLogger(zap.New())
	compiled, err := rules.Load(flags.Config)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return err
	}
	server, err := newServer(flags)
	if err != nil {
		return err
	}
	server.Register("/mutate", &webhook.Admission{
		Handler: &podInjector{decoder: admission.NewDecoder(scheme), rules: compiled},
	})
	go announce(ctx, server, flags.Listen)
	return server.Start(ctx)
}

func newServer(flags rules.Flags) (webhook.Server, error) {
	host, text, err := net.SplitHostPort(flags.Listen)
	if err != nil {
		return nil, fmt.Errorf("read --listen: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("read the port of --listen: %w", err)
	}
	certificate, err := filepath.Abs(flags.TLSCert)
	if err != nil {
		return nil, err
	}
	key, err := filepath.Abs(flags.TLSKey)
	if err != nil {
		return nil, err
	}
	return webhook.NewServer(webhook.Options{
		Host: host,
		Port: port,
		// The files may lie in two folders.
		CertDir:  "/",
		CertName: certificate,
		KeyName:  key,
		// As kubebuilder's scaffold has it: HTTP/2 is off, for CVE-2023-44487.
		TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
	}), nil
}

func announce(ctx context.Context, server webhook.Server, address string) {
	isStarted := server.StartedChecker()
	for isStarted(nil) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	fmt.Fprintln(os.Stderr, "listening on", address)
}
