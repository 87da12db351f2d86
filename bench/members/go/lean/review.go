package main

// What is read of an AdmissionReview.
type review struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Request    *request `json:"request"`
}

type request struct {
	UID      string `json:"uid"`
	Resource struct {
		Group    string `json:"group"`
		Resource string `json:"resource"`
	} `json:"resource"`
	SubResource string `json:"subResource"`
	Operation   string `json:"operation"`
	Namespace   string `json:"namespace"`
	Object      pod    `json:"object"`
}

type pod struct {
	Metadata struct {
		Labels struct {
			Inject string `json:"pullpass.io/inject"`
		} `json:"labels"`
		Annotations struct {
			Mirror *string `json:"kubernetes.io/config.mirror"`
		} `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		ImagePullSecrets    []pullSecret `json:"imagePullSecrets"`
		InitContainers      []container  `json:"initContainers"`
		Containers          []container  `json:"containers"`
		EphemeralContainers []container  `json:"ephemeralContainers"`
		Volumes             []volume     `json:"volumes"`
	} `json:"spec"`
}

type pullSecret struct {
	Name string `json:"name"`
}

type container struct {
	Image string `json:"image"`
}

type volume struct {
	Image *struct {
		Reference string `json:"reference"`
	} `json:"image"`
}

// The answer.
type answer struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Response   response `json:"response"`
}

type response struct {
	UID              string            `json:"uid"`
	Allowed          bool              `json:"allowed"`
	Patch            []byte            `json:"patch,omitempty"`
	PatchType        string            `json:"patchType,omitempty"`
	AuditAnnotations map[string]string `json:"auditAnnotations,omitempty"`
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func (p *pod) isLeftAlone() bool {
	return p.Metadata.Annotations.Mirror != nil || p.Metadata.Labels.Inject == "disabled"
}

func (p *pod) images() []string {
	spec := &p.Spec
	images := make([]string, 0, len(spec.InitContainers)+len(spec.Containers)+len(spec.EphemeralContainers))
	for _, containers := range [][]container{spec.InitContainers, spec.Containers, spec.EphemeralContainers} {
		for _, container := range containers {
			images = append(images, container.Image)
		}
	}
	for _, volume := range spec.Volumes {
		if volume.Image != nil {
			images = append(images, volume.Image.Reference)
		}
	}
	return images
}

func (p *pod) pullSecrets() []string {
	names := make([]string, 0, len(p.Spec.ImagePullSecrets))
	for _, secret := range p.Spec.ImagePullSecrets {
		names = append(names, secret.Name)
	}
	return names
}

// patch appends pull secrets: the whole list where there is none, else one operation a name.
func (p *pod) patch(add []string) []operation {
	secrets := make([]pullSecret, len(add))
	for i, name := range add {
		secrets[i].Name = name
	}
	if len(p.Spec.ImagePullSecrets) == 0 {
		return []operation{{"add", "/spec/imagePullSecrets", secrets}}
	}
	operations := make([]operation, len(add))
	for i, secret := range secrets {
		operations[i] = operation{"add", "/spec/imagePullSecrets/-", secret}
	}
	return operations
}
