package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"pullpass.io/bench/rules"
)

const maxBody = 7 << 20

type injector struct {
	rules *rules.Rules
	// Bodies are read into buffers that are used again: what is decoded of one is copied out of it.
	buffers sync.Pool
}

func (i *injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "the Content-Type must be application/json", http.StatusUnsupportedMediaType)
		return
	}
	buffer, _ := i.buffers.Get().(*bytes.Buffer)
	if buffer == nil {
		buffer = new(bytes.Buffer)
	}
	defer i.buffers.Put(buffer)
	buffer.Reset()
	if _, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, err := parse(buffer.Bytes())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response, err := i.decide(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	body, err := json.Marshal(answer{"admission.k8s.io/v1", "AdmissionReview", response})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// An error means that the client has gone.
	_, _ = w.Write(body)
}

func parse(body []byte) (*request, error) {
	var review review
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, fmt.Errorf("read the AdmissionReview: %w", err)
	}
	if review.APIVersion != "admission.k8s.io/v1" || review.Kind != "AdmissionReview" || review.Request == nil || review.Request.UID == "" {
		return nil, errors.New("the body is no admission.k8s.io/v1 AdmissionReview with a request and its uid")
	}
	return review.Request, nil
}

func (i *injector) decide(request *request) (response, error) {
	allowed := response{UID: request.UID, Allowed: true}
	isNewPod := request.Operation == "CREATE" && request.Resource.Group == "" && request.Resource.Resource == "pods" && request.SubResource == ""
	pod := &request.Object
	if !isNewPod || pod.isLeftAlone() {
		return allowed, nil
	}
	decision := i.rules.Decide(request.Namespace, pod.images(), pod.pullSecrets())
	allowed.AuditAnnotations = decision.Audit
	if len(decision.Add) == 0 {
		return allowed, nil
	}
	patch, err := json.Marshal(pod.patch(decision.Add))
	if err != nil {
		return response{}, err
	}
	allowed.Patch, allowed.PatchType = patch, "JSONPatch"
	return allowed, nil
}
