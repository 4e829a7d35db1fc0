// Package lnd drives an lnd node over gRPC, v0.15 or later: the calls of
// ln.Node, made with stubs generated from the parts of lnd's protos that they
// need (lnrpc, invoicesrpc, routerrpc below).
//
// Who the node is, is held by its TLS certificate: exactly that one, or one that
// it has signed. What we may do there is held by a macaroon, which should allow
// no more than what is called:
//
//	method                                     rights
//	Info                                       info:read
//	Balance                                    offchain:read, for coins on chain onchain:read
//	Channels                                   offchain:read
//	CreateInvoice CreateHold Settle Cancel     invoices:write
//	Lookup                                     invoices:write (lnd asks for that)
//	Subscribe                                  invoices:read
//	Pay                                        offchain:write
//	Track                                      offchain:read
//	OpenChannel                                onchain:write offchain:write peers:write
//	CloseChannel                               onchain:write offchain:write
//	NewAddress                                 address:write
//
// BakeCommand gives the command that makes such a macaroon, by method instead of
// by right, since offchain:write would also let its bearer erase payments.
// ReadRights says what a macaroon allows, without asking anybody.
//
// It refuses to talk without TLS, to call a payment failed when its outcome was
// merely not seen, and to settle an invoice that lnd calls accepted and no longer
// holds anything for, where it may list channels. The lightning rail calls it; cmd connects it.
package lnd
