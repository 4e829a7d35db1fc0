package main

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
)

// scriptedShelf keeps nothing and gives everything one CID. What fails, and
// how, is in the names that scripts use.
type scriptedShelf struct{}

// someCID is of the right form.
const someCID = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"

// faults are what the node says to names that mean trouble.
var faults = map[string]*api.Error{
	"unknown":  api.Errorf(api.CodeNotFound, "infernet data list shows what is here", "nothing here is called %q", "unknown"),
	"nobody":   api.Errorf(api.CodeNoContent, "is a node that has it connected?", "nobody has %s", "nobody"),
	"unshared": api.Errorf(api.CodeRefused, "its owner can share it: infernet data share CID", "npub1… does not share it"),
	"dear":     api.Errorf(api.CodeRefused, "pay more with --max-price, or wait", "it costs 5 credits per GiB, at most 1 was allowed"),
	"quota":    api.Errorf(api.CodeQuotaFull, "raise --quota or unpin something", "9 GiB are needed, 7 of 8 GiB are pinned or in use"),
	"full":     api.Errorf(api.CodeDiskFull, "make room on the disk", "no space left"),
	"taken":    api.Errorf(api.CodeConflict, "choose a name with --name", "the name %q is taken", "taken"),
	"big":      api.Errorf(api.CodeTooLarge, "raise --max-bytes", "it has more than 10 bytes"),
	"notcar":   api.Errorf(api.CodeBadRequest, "leave --car out to add the file itself", "it is no CAR file"),
	"broken":   api.Errorf(api.CodeNoRights, "", "open /x: permission denied %s", evilText),
}

// fault finds the trouble that a name or path means.
func fault(words ...string) error {
	for _, w := range words {
		for name, e := range faults {
			if w != "" && strings.Contains(w, name) {
				return e
			}
		}
	}
	return nil
}

func (scriptedShelf) Add(_ context.Context, kind api.ContentKind, req api.AddRequest) (api.Content, error) {
	if req.Source == "hf:org/gated/m.gguf" {
		return api.Content{}, api.Errorf(api.CodeRefused, "start the node with HF_TOKEN set", "the hub refuses access")
	}
	if err := fault(req.Name, req.Path); err != nil {
		return api.Content{}, err
	}
	x := api.Content{Kind: kind, CID: "bafkexample", Path: req.Path, Name: req.Name, Shared: req.Share, InPlace: req.Reference}
	if req.Source != "" {
		for b := uint64(0); b <= 4096; b += 1024 {
			req.Progress(api.AddProgress{Bytes: b, Total: 4096})
		}
		x.Size, x.Path = 4096, "/hub/m.gguf"
	}
	if req.Body != nil {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			return api.Content{}, err
		}
		x.Size = uint64(len(raw))
	}
	if req.CAR {
		x.Others = []api.Content{{CID: "bafkother", Size: 3}}
	}
	if kind == api.Images {
		x.Name, x.Digest, x.Platforms = "me/"+evilText, "sha256:00", []string{"linux/amd64", "linux/arm64"}
	}
	return x, nil
}

func (s scriptedShelf) List(ctx context.Context, kind api.ContentKind) ([]api.Content, error) {
	if kind == api.Models {
		x, err := s.Show(ctx, "llama", false)
		return []api.Content{x, {Name: "odd", CID: "bafkother", Size: 7}}, err
	}
	if kind == api.Images {
		return []api.Content{{Name: "classify:1.2", Digest: "sha256:00", CID: "bafkimage", Size: 9, Platforms: []string{"linux/arm64"}}}, nil
	}
	used := time.Now().Add(-3 * time.Hour)
	return []api.Content{
		{Kind: api.Models, Names: []string{"llama", evilText}, CID: "bafkexample", Size: 4096, Pinned: true, Shared: true, UsedAt: &used},
		{Kind: api.Data, CID: "bafkother", Size: 1 << 30, InPlace: true},
		{Kind: api.Data, CID: "bafkinside", Size: 5, Inside: true},
		{Kind: api.Data, CID: "bafkboth", Size: 6, Inside: true, Pinned: true},
	}, nil
}

func (scriptedShelf) Get(ctx context.Context, _ api.ContentKind, req api.GetRequest) (api.Content, error) {
	if strings.HasPrefix(req.Ref, "bafknobody") {
		return api.Content{}, api.Errorf(api.CodeNoContent, "is a node that has it connected?", "nobody has %s", req.Ref)
	}
	if err := fault(req.Ref); err != nil {
		return api.Content{}, err
	}
	if req.Ref == "endless" {
		for b := uint64(1); ; b = min(b+1, 99) {
			req.Progress(api.AddProgress{Bytes: b, Total: 100, Speed: 100})
			select {
			case <-ctx.Done():
				return api.Content{}, ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
	}
	if req.Local && req.Ref != "here" {
		return api.Content{}, api.Errorf(api.CodeNoContent, "infernet data get fetches it", "%s is not here", req.Ref)
	}
	if req.Progress != nil && !req.Local {
		from := []api.SourceProgress{{Name: evilText, State: "idle", Bytes: 96}, {State: "idle", Bytes: 4000}, {State: "banned"}}
		req.Progress(api.AddProgress{Stage: api.StageFind})
		req.Progress(api.AddProgress{Total: 4096})
		req.Progress(api.AddProgress{Bytes: 4096, Total: 4096, Sources: from})
	}
	if req.Dest != "" {
		if err := os.WriteFile(req.Dest, []byte(mode(req)), 0o600); err != nil {
			return api.Content{}, err
		}
	}
	return api.Content{CID: someCID, Size: 4096, Path: req.Dest, Shared: !req.Private}, nil
}

// mode is how a copy was asked for.
func mode(req api.GetRequest) string {
	switch {
	case req.CAR:
		return "car"
	case req.Link:
		return "link"
	}
	return "copy"
}

func (scriptedShelf) Pin(_ context.Context, _ api.ContentKind, ref string, pinned bool) (api.Content, error) {
	return api.Content{CID: ref, Pinned: pinned}, fault(ref)
}

func (scriptedShelf) Share(_ context.Context, _ api.ContentKind, ref string, shared bool) (api.Content, error) {
	return api.Content{CID: ref, Shared: shared}, fault(ref)
}

func (scriptedShelf) Show(_ context.Context, ref string, template bool) (api.Content, error) {
	if ref != "llama" && ref != "bafkexample" {
		return api.Content{}, api.Errorf(api.CodeNotFound, "", "no model %q", ref)
	}
	m := &api.ModelHead{Format: "gguf", Title: evilText, Architecture: "llama", Quantisation: "Q4_K_M", Parameters: 1_235_814_400,
		Context: 131072, Embedding: 2048, Layers: 16, Vocabulary: 128256, Tokenizer: "gpt2", ChatTemplate: "llama-3"}
	if template {
		m.TemplateText = "{{ bos_token }}" + evilText
	}
	return api.Content{Name: "llama", CID: "bafkexample", Size: 4096, Path: "/models/llama.gguf", Model: m}, nil
}

func (scriptedShelf) Alias(_ context.Context, _ api.ContentKind, req api.AliasRequest) (api.Content, error) {
	if req.Ref == "nothing" {
		return api.Content{}, api.Errorf(api.CodeNotFound, "", "no model %q", req.Ref)
	}
	return api.Content{Name: req.Name, CID: "bafkexample"}, nil
}

func (scriptedShelf) Remove(_ context.Context, _ api.ContentKind, name string) (api.Content, error) {
	return api.Content{Name: name, CID: "bafkexample"}, fault(name)
}

func (scriptedShelf) GC(_ context.Context, _ api.ContentKind, req api.GCRequest) (api.GCReport, error) {
	r := api.GCReport{DryRun: req.DryRun, Freed: 2048, Kept: 1, Removed: []api.Content{{CID: "bafkold", Size: 2048, Name: evilText}}}
	if req.Keep == 50<<30 {
		r.Freed, r.Removed = 0, nil
	}
	return r, nil
}

func (scriptedShelf) WriteCAR(_ context.Context, _ string, w io.Writer) error {
	_, err := io.WriteString(w, "a car")
	return err
}

func (scriptedShelf) Verify(_ context.Context, kind api.ContentKind, req api.VerifyRequest) (api.VerifyReport, error) {
	r := api.VerifyReport{Checked: 2, Bytes: 4096}
	if kind == api.Data && req.Ref == "" {
		r.Bad = []api.Bad{
			{Content: api.Content{CID: "bafkexample", Name: "llama"}, Reason: api.BadCorrupt, Detail: "at byte 7"},
			{Content: api.Content{CID: "bafkother", InPlace: true, Path: "/home/me/" + evilText}, Reason: api.BadChanged, Detail: evilText},
		}
	}
	return r, fault(req.Ref)
}

func (scriptedShelf) Traffic(context.Context) (api.TrafficReport, error) {
	return api.TrafficReport{
		Peers: []api.Traffic{{NPub: someNpub, Served: 3 << 30, Fetched: 1 << 20, Unpaid: 1 << 10,
			Earned: api.Amount{Amount: 15, Unit: "credits"}, Paid: api.Amount{Unit: "credits"}}},
		Upload: api.UploadLimits{Rate: 50 << 20, Cap: 100 << 30, Price: 5},
	}, nil
}

func (scriptedShelf) Mirror(context.Context) (api.Mirror, error) {
	return api.Mirror{Addr: "127.0.0.1:5051", NPub: someNpub}, nil
}
