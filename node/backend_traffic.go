package node

import (
	"context"

	"infernet.tech/infernet/node/api"
)

// Traffic implements api.Library.
func (b contentBackend) Traffic(context.Context) (api.TrafficReport, error) {
	lines, err := b.n.deliver.Traffic()
	if err != nil {
		return api.TrafficReport{}, err
	}
	mine := b.n.cfg.Content
	out := api.TrafficReport{
		Peers:  make([]api.Traffic, 0, len(lines)),
		Upload: api.UploadLimits{Rate: mine.Rate, PeerRate: mine.PeerRate, Cap: mine.DailyCap, Price: mine.Price},
	}
	for _, l := range lines {
		out.Peers = append(out.Peers, api.Traffic{
			NPub: l.Peer.String(), Served: l.Served, Fetched: l.Fetched, Unpaid: l.Unpaid,
			Earned: api.Amount{Amount: l.Earned, Unit: string(l.Unit)}, Paid: api.Amount{Amount: l.Paid, Unit: string(l.Unit)},
		})
	}
	return out, nil
}
