package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func dataCmd(a *app) *cobra.Command {
	s := shelf{kind: api.Data, noun: "data", one: "content"}
	verbs := append([]*cobra.Command{
		a.addData(),
		a.getContent(s, "get CID|NAME [DEST]", "  infernet data get bafy… answers.jsonl\n"+
			"  infernet data get bafy… folder.car --car --from npub1… --max-price 0\n"+
			"  infernet data get bafy… --car - | ipfs dag import"),
		a.exportContent(s, "  infernet data export bafy… ./copy"),
		a.listData(),
		a.traffic(),
	}, a.keepVerbs(s)...)
	return group("data", "everything in the store by CID: inputs, results, models and images", verbs...)
}
