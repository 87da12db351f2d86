package rules

import (
	"slices"
	"strings"
)

const maxAnnotation = 2000

// Rules is a configuration, compiled. It does not change.
type Rules struct {
	observe bool
	entries []entry
	index   index
}

type entry struct {
	name         string
	exceptImages []pattern
	names        []glob
	except       []glob
	pullSecrets  []string
}

// Decision is what is done about a Pod.
type Decision struct {
	// Add has the pull secrets to append, in order.
	Add []string
	// Audit has the audit annotations.
	Audit map[string]string
}

// Decide says which pull secrets a Pod with these images and pull secrets gets in a namespace.
func (r *Rules) Decide(namespace string, images, present []string) Decision {
	granted := r.granted(namespace, images)
	if len(granted) == 0 {
		return Decision{}
	}
	seen := make(map[string]struct{}, len(present)+len(granted))
	for _, name := range present {
		seen[name] = struct{}{}
	}
	var add []string
	names := make([]string, 0, len(granted))
	for _, position := range granted {
		entry := &r.entries[position]
		names = append(names, entry.name)
		for _, secret := range entry.pullSecrets {
			if _, has := seen[secret]; !has {
				seen[secret] = struct{}{}
				add = append(add, secret)
			}
		}
	}
	decision := Decision{Add: add, Audit: map[string]string{"entries": shortened(strings.Join(names, ","))}}
	if r.observe && len(add) > 0 {
		decision.Audit["would-add"] = strings.Join(add, ",")
		decision.Add = nil
	}
	return decision
}

// granted gives the positions of the entries that apply, in ascending order.
func (r *Rules) granted(namespace string, images []string) []int {
	var matching []int
	for _, text := range images {
		image, ok := parseImage(text)
		if !ok {
			continue
		}
		before := len(matching)
		matching = r.index.entries(image, matching)
		kept := slices.DeleteFunc(matching[before:], func(position int) bool {
			return r.entries[position].leavesOut(image)
		})
		matching = matching[:before+len(kept)]
	}
	slices.Sort(matching)
	matching = slices.Compact(matching)
	return slices.DeleteFunc(matching, func(position int) bool {
		return !r.entries[position].grants(namespace)
	})
}

func (e *entry) leavesOut(image image) bool {
	for i := range e.exceptImages {
		if e.exceptImages[i].matches(image) {
			return true
		}
	}
	return false
}

func (e *entry) grants(namespace string) bool {
	matches := func(glob glob) bool { return glob.matches(namespace) }
	return !slices.ContainsFunc(e.except, matches) && (e.names == nil || slices.ContainsFunc(e.names, matches))
}

func shortened(text string) string {
	if len(text) <= maxAnnotation {
		return text
	}
	return text[:maxAnnotation] + "..."
}
