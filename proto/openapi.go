// Package proto carries the documents generated from the protos.
package proto

import _ "embed"

// OpenAPI is the OpenAPI 3.1 document of the REST face, YAML.
//
//go:embed gen/openapi/kontor.openapi.yaml
var OpenAPI []byte
