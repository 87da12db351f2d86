package main

import (
	"context"
	"encoding/json"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"pullpass.io/bench/rules"
)

type podInjector struct {
	decoder admission.Decoder
	rules   *rules.Rules
}

// Handle adds the pull secrets that are due to a new Pod.
func (i *podInjector) Handle(_ context.Context, req admission.Request) admission.Response {
	if req.Operation != admissionv1.Create || req.Resource.Group != "" || req.Resource.Resource != "pods" || req.SubResource != "" {
		return admission.Allowed("")
	}
	pod := &corev1.Pod{}
	if err := i.decoder.Decode(req, pod); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if _, isMirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; isMirror || pod.Labels["pullpass.io/inject"] == "disabled" {
		return admission.Allowed("")
	}
	decision := i.rules.Decide(req.Namespace, imagesOf(&pod.Spec), pullSecretsOf(&pod.Spec))
	response := i.patch(req, pod, decision.Add)
	response.AuditAnnotations = decision.Audit
	return response
}

func (i *podInjector) patch(req admission.Request, pod *corev1.Pod, add []string) admission.Response {
	if len(add) == 0 {
		return admission.Allowed("")
	}
	for _, name := range add {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	patched, err := json.Marshal(pod)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.PatchResponseFromRaw(req.Object.Raw, patched)
}

func imagesOf(spec *corev1.PodSpec) []string {
	images := make([]string, 0, len(spec.InitContainers)+len(spec.Containers)+len(spec.EphemeralContainers))
	for i := range spec.InitContainers {
		images = append(images, spec.InitContainers[i].Image)
	}
	for i := range spec.Containers {
		images = append(images, spec.Containers[i].Image)
	}
	for i := range spec.EphemeralContainers {
		images = append(images, spec.EphemeralContainers[i].Image)
	}
	for i := range spec.Volumes {
		if image := spec.Volumes[i].Image; image != nil {
			images = append(images, image.Reference)
		}
	}
	return images
}

func pullSecretsOf(spec *corev1.PodSpec) []string {
	names := make([]string, 0, len(spec.ImagePullSecrets))
	for _, secret := range spec.ImagePullSecrets {
		names = append(names, secret.Name)
	}
	return names
}
