package mirror_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// puller is containerd's own, told of the mirror as hosts.toml tells it, with
// nothing to fall back on.
func puller(addr string) remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{
		Hosts: func(string) ([]docker.RegistryHost, error) {
			return []docker.RegistryHost{{
				Client: http.DefaultClient, Host: addr, Scheme: "http", Path: "/v2",
				Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
			}}, nil
		},
	})
}

// plain is the same as `ctr images pull --plain-http 127.0.0.1:PORT/…` uses.
func plain() remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchAllHosts)),
	})
}

// pullAll fetches all of an image that is there, verified, and returns the
// digests.
func pullAll(ctx context.Context, r remotes.Resolver, ref string) (root ocispec.Descriptor, got []string, err error) {
	name, root, err := r.Resolve(ctx, ref)
	if err != nil {
		return root, nil, err
	}
	f, err := r.Fetcher(ctx, name)
	if err != nil {
		return root, nil, err
	}
	todo := []ocispec.Descriptor{root}
	for len(todo) > 0 {
		d := todo[0]
		todo = todo[1:]
		if d.Platform != nil && d.Platform.Architecture == "s390x" {
			continue // newIndex names it and has it not
		}
		body, err := f.Fetch(ctx, d)
		if err != nil {
			return root, got, err
		}
		raw, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			return root, got, err
		}
		if digest.FromBytes(raw) != d.Digest || int64(len(raw)) != d.Size {
			return root, got, fmt.Errorf("%s: %d bytes", d.Digest, len(raw))
		}
		got = append(got, d.Digest.String())
		switch {
		case images.IsIndexType(d.MediaType):
			var v ocispec.Index
			if err := jsonInto(raw, &v); err != nil {
				return root, got, err
			}
			todo = append(todo, v.Manifests...)
		case images.IsManifestType(d.MediaType):
			var v ocispec.Manifest
			if err := jsonInto(raw, &v); err != nil {
				return root, got, err
			}
			todo = append(append(todo, v.Config), v.Layers...)
		}
	}
	return root, got, nil
}

// TestContainerdsPuller pulls with containerd's own code, as from a registry
// and as from a mirror of others.
func TestContainerdsPuller(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	index, _ := newIndex(t, 200_000)
	npub := owner().String()
	s.add(index, "app:v1", "team/app:latest", "ghcr.io/team/tool:v2", npub+"/app:v1")
	addr := run(t, s, nil)
	for ref, r := range map[string]remotes.Resolver{
		addr + "/app:v1":                      plain(),
		addr + "/team/app:latest":             plain(),
		addr + "/" + npub + "/app:v1":         plain(),
		addr + "/any/thing@" + index.Digest:   plain(),
		"docker.io/library/app:v1":            puller(addr),
		"docker.io/team/app:latest":           puller(addr),
		"ghcr.io/team/tool:v2":                puller(addr),
		"docker.io/" + npub + "/app:v1":       puller(addr),
		"quay.io/any/thing@" + index.Digest:   puller(addr),
		"docker.io/library/x@" + index.Digest: puller(addr),
	} {
		root, got, err := pullAll(t.Context(), r, ref)
		if err != nil || root.Digest.String() != index.Digest || len(got) != 4 || !slices.Contains(got, layer(t, index)) {
			t.Errorf("%s: %+v, %d blobs, %v", ref, root, len(got), err)
		}
	}
	if _, _, err := plain().Resolve(t.Context(), addr+"/app:v2"); !errdefs.IsNotFound(err) {
		t.Errorf("an unknown tag: %v", err)
	}
	f, err := plain().Fetcher(t.Context(), addr+"/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := f.Fetch(t.Context(), ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: nothing, Size: 5}); err == nil {
		_, err = io.ReadAll(body)
		body.Close()
		if err == nil {
			t.Error("fetched a layer that is not there")
		}
	}
	// It seeks within a blob by ranges, as it does to go on after a cut.
	d := layer(t, index)
	whole := readBlob(t, index, d)
	body, err := f.Fetch(t.Context(), ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.Digest(d), Size: int64(len(whole))})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	seeker, ok := body.(io.Seeker)
	if !ok {
		t.Fatal("not a seeker")
	}
	if _, err := seeker.Seek(100_000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(body); err != nil || !bytes.Equal(raw, whole[100_000:]) {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

// TestRestart: a puller goes on with layers at a mirror that has just begun.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	img := newImage(t, 1000)
	s.add(img, "app:v1", "docker.io/library/hub:v1")
	d := layer(t, img)
	for _, path := range []string{"app/blobs/" + d, "library/hub/blobs/" + d + "?ns=docker.io"} {
		addr := run(t, s, nil)
		if got := ask(t, "GET", addr, "/v2/"+path); got.status != 200 || !strings.HasSuffix(path, "docker.io") && len(got.body) == 0 {
			t.Errorf("%s: %d %q", path, got.status, got.body)
		}
	}
}
