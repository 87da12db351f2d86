// Package rules reads Pullpass's configuration and says which pull secrets a Pod gets. Both webhooks decide by it.
package rules

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

type document struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Mode       string     `json:"mode"`
	Scope      string     `json:"scope"`
	Registries []registry `json:"registries"`
}

type registry struct {
	Name         string     `json:"name"`
	Images       []string   `json:"images"`
	ExceptImages []string   `json:"exceptImages"`
	Namespaces   namespaces `json:"namespaces"`
	PullSecrets  []string   `json:"pullSecrets"`
}

type namespaces struct {
	Names    []string `json:"names"`
	Except   []string `json:"except"`
	Selector any      `json:"selector"`
}

// Load reads a configuration that Pullpass has checked. What needs the labels of namespaces is refused.
func Load(path string) (*Rules, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var doc document
	if err := yaml.UnmarshalStrict(text, &doc); err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", path, err)
	}
	if doc.Scope != "" && doc.Scope != "cluster" {
		return nil, fmt.Errorf("configuration %s: scope %s needs the labels of namespaces, which are not known here", path, doc.Scope)
	}
	rules := &Rules{observe: doc.Mode == "observe", index: newIndex()}
	for i, registry := range doc.Registries {
		entry, err := newEntry(registry)
		if err != nil {
			return nil, fmt.Errorf("configuration %s: entry %s: %w", path, registry.Name, err)
		}
		for _, text := range registry.Images {
			pattern, err := parsePattern(text)
			if err != nil {
				return nil, fmt.Errorf("configuration %s: entry %s: %w", path, registry.Name, err)
			}
			rules.index.add(pattern, i)
		}
		rules.entries = append(rules.entries, entry)
	}
	return rules, nil
}

func newEntry(registry registry) (entry, error) {
	if registry.Namespaces.Selector != nil {
		return entry{}, fmt.Errorf("a selector needs the labels of namespaces, which are not known here")
	}
	made := entry{
		name:        registry.Name,
		names:       newGlobs(registry.Namespaces.Names),
		except:      newGlobs(registry.Namespaces.Except),
		pullSecrets: registry.PullSecrets,
	}
	if len(made.pullSecrets) == 0 {
		made.pullSecrets = []string{registry.Name}
	}
	for _, text := range registry.ExceptImages {
		pattern, err := parsePattern(text)
		if err != nil {
			return entry{}, err
		}
		made.exceptImages = append(made.exceptImages, pattern)
	}
	return made, nil
}
