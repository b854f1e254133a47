module kontor.internal/services/suite

go 1.26.0

require (
	kontor.internal/libs v0.0.0
	kontor.internal/proto v0.0.0
	kontor.internal/services/catalog v0.0.0
	kontor.internal/services/contacts v0.0.0
	kontor.internal/services/deals v0.0.0
	kontor.internal/services/files v0.0.0
	kontor.internal/services/gateway v0.0.0
	kontor.internal/services/identity v0.0.0
	kontor.internal/services/reporting v0.0.0
)

replace (
	kontor.internal/libs => ../../libs
	kontor.internal/proto => ../../proto
	kontor.internal/services/catalog => ../catalog
	kontor.internal/services/contacts => ../contacts
	kontor.internal/services/deals => ../deals
	kontor.internal/services/files => ../files
	kontor.internal/services/gateway => ../gateway
	kontor.internal/services/identity => ../identity
	kontor.internal/services/reporting => ../reporting
)
