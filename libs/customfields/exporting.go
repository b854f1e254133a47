package customfields

import (
	"kontor.internal/libs/exports"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// ExportColumns are the custom fields as columns of exports: choices by their labels, users by name (CON-18).
func (k *Kind) ExportColumns(user func(id string) string) []exports.CustomColumn {
	out := make([]exports.CustomColumn, len(k.Fields))
	for i, f := range k.Fields {
		out[i] = exports.CustomColumn{Key: f.Def.GetKey()}
		switch f.effective() {
		case customfieldsv1.Type_TYPE_CHOICE, customfieldsv1.Type_TYPE_CHOICES:
			out[i].Text = func(id string) string {
				if c := f.choices[id]; c != nil {
					return c.GetLabel()
				}
				return id
			}
		case customfieldsv1.Type_TYPE_USER:
			out[i].Text = func(id string) string {
				if name := user(id); name != "" {
					return name
				}
				return id
			}
		default:
		}
	}
	return out
}
