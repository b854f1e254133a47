module kontor.internal/services/identity

go 1.26.0

require (
	kontor.internal/libs v0.0.0
	kontor.internal/proto v0.0.0
)

replace (
	kontor.internal/libs => ../../libs
	kontor.internal/proto => ../../proto
)
