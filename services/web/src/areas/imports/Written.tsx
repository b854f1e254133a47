import { Select, Switch } from "@mantine/core";
import type { ReactNode } from "react";
import { t } from "../../i18n";
import type { ImportSource } from "./targets";
import classes from "./imports.module.css";

const ENCODINGS = ["utf-8", "utf-16le", "utf-16be", "windows-1252", "windows-1251", "windows-1250", "koi8-r"];

/** How the file is written, as found out, to be corrected. */
export function Written({
  source,
  onChange,
}: {
  source: ImportSource;
  onChange: (source: ImportSource) => void;
}) {
  if (source.format === "vcard") {
    return null;
  }
  const header = (
    <Switch
      label={t("import.header")}
      checked={source.header ?? false}
      onChange={(e) => onChange({ ...source, header: e.currentTarget.checked })}
    />
  );
  if (source.format === "xlsx") {
    return (
      <div className={classes["mapping"]}>
        <Select
          label={t("import.sheet")}
          data={source.sheets ?? []}
          value={source.sheet ?? ""}
          allowDeselect={false}
          onChange={(sheet) => onChange({ sheet: sheet ?? "" })}
        />
        {header}
      </div>
    );
  }
  return <WrittenText source={source} onChange={onChange} header={header} />;
}

/** How a file of text is written. */
function WrittenText({
  source,
  onChange,
  header,
}: {
  source: ImportSource;
  onChange: (source: ImportSource) => void;
  header: ReactNode;
}) {
  const encoding = source.encoding ?? "utf-8";
  return (
    <div className={classes["mapping"]}>
      <Select
        label={t("import.encoding")}
        data={ENCODINGS.includes(encoding) ? ENCODINGS : [encoding, ...ENCODINGS]}
        value={encoding}
        allowDeselect={false}
        onChange={(value) => onChange({ ...source, encoding: value ?? "" })}
      />
      <Select
        label={t("import.delimiter")}
        data={[
          { value: ",", label: t("import.delimiter.comma") },
          { value: ";", label: t("import.delimiter.semicolon") },
          { value: "tab", label: t("import.delimiter.tab") },
          { value: "|", label: t("import.delimiter.bar") },
        ]}
        value={source.delimiter ?? ","}
        allowDeselect={false}
        onChange={(value) => onChange({ ...source, delimiter: value ?? "" })}
      />
      <Select
        label={t("import.quote")}
        data={['"', "'"]}
        value={source.quote ?? '"'}
        allowDeselect={false}
        onChange={(value) => onChange({ ...source, quote: value ?? "" })}
      />
      {header}
    </div>
  );
}
