import { Button, Menu, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api, call } from "../../api/client";
import { useCan, useMe } from "../../api/directory";
import { faultOf } from "../../api/errors";
import type { PriceType, Product, Section } from "../../api/model";
import { useCreate, useRemove } from "../../api/resource";
import { t } from "../../i18n";
import { CardFrame, FieldGroup, RecordCard, useCardRecord } from "../../parts/card/RecordCard";
import { CustomFieldsGroup, useRequiredCustomFields } from "../../parts/fields/CustomFields";
import { Timeline } from "../../parts/card/Timeline";
import { Dialog } from "../../parts/Dialog";
import { useDraft } from "../../parts/draft";
import {
  ChoiceField,
  MoneyField,
  NumberField,
  PlainField,
  SwitchField,
  TextBlockField,
  TextField,
} from "../../parts/fields/kinds";
import { allOf, anyOf, partOf, splitValues } from "../../parts/filters";
import { formatMoney, parseDecimal } from "../../parts/format";
import { IconTrash } from "../../parts/icons";
import type { Column } from "../../parts/list/columns";
import { ListPage } from "../../parts/list/ListPage";
import { Money } from "../../parts/Money";
import { Empty, messageOf } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { useSaver } from "../../parts/useSaver";
import { When } from "../../parts/When";
import { RelatedDeals } from "../contacts/related";
import { Prices } from "./Prices";
import { priceTypesOptions, products, sectionPath, sectionsOptions } from "./queries";

function listPrice(product: Product, priceTypes: PriceType[], currency: string) {
  const base = priceTypes.find((type) => type.base)?.id;
  const prices = product.prices.filter((p) => p.priceTypeId === base);
  return (prices.find((p) => p.price?.currencyCode === currency) ?? prices[0] ?? product.prices[0])?.price;
}

function columnsWith(
  sections: Section[],
  priceTypes: PriceType[],
  currency: string,
): () => Column<Product>[] {
  return () => [
    {
      id: "name",
      title: t("product.name"),
      min: 180,
      grow: 2,
      sort: "name",
      phone: "title",
      cell: (p) => p.name,
    },
    {
      id: "sku",
      title: t("product.sku"),
      min: 90,
      grow: 0.7,
      drop: 3,
      sort: "sku",
      phone: "sub",
      cell: (p) => p.sku,
    },
    {
      id: "section",
      title: t("product.section"),
      min: 120,
      grow: 1.2,
      drop: 2,
      phone: "sub",
      cell: (p) => sectionPath(sections, p.sectionId),
    },
    { id: "unit", title: t("product.unit"), min: 56, grow: 0, drop: 4, cell: (p) => p.unit },
    {
      id: "price",
      title: t("product.price"),
      min: 100,
      grow: 0,
      right: true,
      phone: "side",
      cell: (p) => <Money value={listPrice(p, priceTypes, currency)} />,
    },
    {
      id: "tax",
      title: t("lines.tax"),
      min: 52,
      grow: 0,
      drop: 5,
      right: true,
      cell: (p) => (p.taxRate ? `${p.taxRate}%` : ""),
    },
    {
      id: "active",
      title: t("product.state"),
      min: 80,
      grow: 0,
      drop: 1,
      phone: "subside",
      cell: (p) => (p.active ? t("product.active") : <span className="muted">{t("product.inactive")}</span>),
    },
    {
      id: "changed",
      title: t("field.changed"),
      min: 90,
      grow: 0,
      drop: 6,
      right: true,
      sort: "update_time",
      cell: (p) => <When at={p.updateTime} />,
    },
  ];
}

/** The list of products. */
export function ProductsPage() {
  const me = useMe();
  const [adding, setAdding] = useState(false);
  const sections = useQuery(sectionsOptions).data;
  const priceTypes = useQuery(priceTypesOptions).data;
  const mayCreate = useCan("product", "create");
  const columns = useMemo(
    () => columnsWith(sections ?? [], priceTypes ?? [], me.settings.baseCurrency),
    [sections, priceTypes, me.settings.baseCurrency],
  );
  const filters = useMemo(
    () => [
      {
        id: "section",
        label: t("product.section"),
        kind: "choice" as const,
        options: (sections ?? []).map((s) => ({ value: s.id, label: sectionPath(sections ?? [], s.id) })),
      },
      { id: "inactive", label: t("product.withInactive"), kind: "flag" as const },
    ],
    [sections],
  );
  return (
    <>
      <ListPage
        resource={products}
        title={t("product.many")}
        path="/products"
        columns={columns}
        filters={filters}
        defaultSort="name"
        toFilter={(values) =>
          allOf(
            partOf(["name", "sku"], values["q"] ?? ""),
            anyOf("section_id", splitValues(values["section"])),
            !values["inactive"] && "active = true",
          )
        }
        newLabel={t("product.new")}
        onNew={mayCreate ? () => setAdding(true) : undefined}
        rowTone={(product) => (product.active ? undefined : "dim")}
        empty={
          <Empty
            title={t("product.emptyTitle")}
            action={mayCreate && <Button onClick={() => setAdding(true)}>{t("product.new")}</Button>}
          >
            {t("product.emptyText")}
          </Empty>
        }
      />
      {adding && (
        <NewProduct
          sections={sections ?? []}
          priceTypes={priceTypes ?? []}
          onClose={() => setAdding(false)}
        />
      )}
    </>
  );
}

function NewProduct({
  sections,
  priceTypes,
  onClose,
}: {
  sections: Section[];
  priceTypes: PriceType[];
  onClose: () => void;
}) {
  const me = useMe();
  const navigate = useNavigate();
  const create = useCreate(products);
  const [draft, change, clear] = useDraft("product", {
    name: "",
    sku: "",
    unit: "",
    price: "",
    sectionId: "",
  });
  const base = priceTypes.find((type) => type.base);
  const price = draft.price.trim() ? parseDecimal(draft.price) : "";
  const custom = useRequiredCustomFields("product", {});
  const submit = (): void =>
    create.mutate(
      {
        ...custom.body,
        name: draft.name.trim(),
        sku: draft.sku.trim(),
        unit: draft.unit.trim(),
        active: true,
        ...(draft.sectionId ? { sectionId: draft.sectionId } : {}),
        ...(base && price
          ? {
              prices: [
                { priceTypeId: base.id, price: { currencyCode: me.settings.baseCurrency, amount: price } },
              ],
            }
          : {}),
      },
      {
        onSuccess: (product) => {
          clear();
          onClose();
          void navigate({
            to: "/products/$id",
            params: { id: product.id },
            search: ((s: object) => s) as never,
          });
        },
      },
    );
  return (
    <Dialog
      title={t("product.new")}
      submitLabel={t("common.create")}
      onClose={onClose}
      onSubmit={submit}
      busy={create.isPending}
      disabled={!draft.name.trim() || price === undefined || !custom.complete}
      error={create.error}
    >
      <TextInput
        label={t("product.name")}
        data-autofocus
        value={draft.name}
        onChange={(e) => change({ name: e.currentTarget.value })}
        error={faultOf(create.error, "name")}
      />
      <div style={{ display: "grid", gridTemplateColumns: "1fr 1fr 1fr", gap: 10 }}>
        <TextInput
          label={t("product.sku")}
          value={draft.sku}
          onChange={(e) => change({ sku: e.currentTarget.value })}
          error={faultOf(create.error, "sku")}
        />
        <TextInput
          label={t("product.unit")}
          value={draft.unit}
          onChange={(e) => change({ unit: e.currentTarget.value })}
        />
        <TextInput
          label={`${t("product.price")}, ${me.settings.baseCurrency}`}
          inputMode="decimal"
          value={draft.price}
          onChange={(e) => change({ price: e.currentTarget.value })}
          error={price === undefined && t("field.notANumber")}
        />
      </div>
      <SectionSelect
        sections={sections}
        value={draft.sectionId}
        onChange={(sectionId) => change({ sectionId })}
      />
      {custom.inputs}
    </Dialog>
  );
}

// A section that is not there yet is made by typing its name.
function SectionSelect({
  sections,
  value,
  onChange,
}: {
  sections: Section[];
  value: string;
  onChange: (id: string) => void;
}) {
  const client = useQueryClient();
  const [text, setText] = useState("");
  const make = useMutation({
    mutationFn: async (name: string) =>
      (await call(api.POST("/v1/sections", { body: { name } }))).section?.id ?? "",
    onSuccess: async (id) => {
      await client.invalidateQueries({ queryKey: sectionsOptions.queryKey });
      onChange(id);
    },
  });
  const known = sections.map((s) => ({ value: s.id, label: sectionPath(sections, s.id) }));
  const isNew = text.trim() !== "" && !known.some((k) => k.label.toLowerCase() === text.trim().toLowerCase());
  return (
    <Select
      label={t("product.section")}
      searchable
      clearable
      searchValue={text}
      onSearchChange={setText}
      data={isNew ? [...known, { value: "+", label: t("product.newSection", { name: text.trim() }) }] : known}
      filter={({ options, search }) =>
        options.filter(
          (o) =>
            "value" in o && (o.value === "+" || o.label.toLowerCase().includes(search.trim().toLowerCase())),
        )
      }
      value={value || null}
      error={make.error ? messageOf(make.error) : undefined}
      onChange={(id) => {
        if (id === "+") {
          make.mutate(text.trim());
        } else {
          onChange(id ?? "");
        }
      }}
    />
  );
}

/** One product. */
export function ProductCard() {
  const product = useCardRecord(products);
  return (
    <CardFrame label={t("product.one")} error={product.data ? undefined : product.error}>
      {product.data && <ProductBody key={product.data.id} product={product.data} />}
    </CardFrame>
  );
}

function ProductBody({ product }: { product: Product }) {
  const me = useMe();
  const navigate = useNavigate();
  const save = useSaver(products, product);
  const sections = useQuery(sectionsOptions).data ?? [];
  const priceTypes = useQuery(priceTypesOptions).data ?? [];
  const { remove, restore } = useRemove(products);
  const ro = !useCan("product", "update") || product.deleteTime !== undefined;
  const mayDelete = useCan("product", "delete");
  const bin = (): void =>
    remove.mutate(product, {
      onSuccess: () => {
        void navigate({ to: "/products", search: ((s: object) => s) as never });
        toast(t("record.deleted", { name: product.name }), { undo: () => restore.mutate(product.id) });
      },
      onError: (error) => toast(messageOf(error), { tone: "bad" }),
    });
  return (
    <RecordCard
      kind={t("product.one")}
      title={product.name}
      subtitle={sectionPath(sections, product.sectionId)}
      facts={[
        {
          label: t("product.price"),
          value: formatMoney(listPrice(product, priceTypes, me.settings.baseCurrency)),
        },
        { label: t("product.minimum"), value: formatMoney(product.minimumPrice) },
        { label: t("product.unit"), value: product.unit },
        { label: t("product.state"), value: product.active ? t("product.active") : t("product.inactive") },
      ]}
      menu={
        mayDelete && (
          <Menu.Item leftSection={<IconTrash size={14} />} onClick={bin}>
            {t("action.delete")}
          </Menu.Item>
        )
      }
      fields={
        <>
          <FieldGroup>
            <TextField
              label={t("product.name")}
              name="name"
              value={product.name}
              readOnly={ro}
              onSave={(v) => save("name", v, t("product.name"))}
            />
            <TextField
              label={t("product.sku")}
              name="sku"
              value={product.sku}
              readOnly={ro}
              onSave={(v) => save("sku", v, t("product.sku"))}
            />
            <TextField
              label={t("product.barcode")}
              name="barcode"
              value={product.barcode}
              readOnly={ro}
              onSave={(v) => save("barcode", v, t("product.barcode"))}
            />
            <ChoiceField
              label={t("product.section")}
              name="section_id"
              value={product.sectionId}
              options={sections.map((s) => ({ value: s.id, label: sectionPath(sections, s.id) }))}
              clearable
              readOnly={ro}
              onSave={(v) => save("sectionId", v, t("product.section"))}
            />
            <TextField
              label={t("product.unit")}
              name="unit"
              value={product.unit}
              readOnly={ro}
              onSave={(v) => save("unit", v, t("product.unit"))}
            />
            <TextField
              label={t("product.taxRate")}
              name="tax_rate"
              value={product.taxRate}
              show={product.taxRate && `${product.taxRate}%`}
              readOnly={ro}
              onSave={(v) =>
                save("taxRate", v.replace(",", ".").replace("%", "").trim(), t("product.taxRate"))
              }
            />
            <MoneyField
              label={t("product.minimum")}
              name="minimum_price"
              value={product.minimumPrice}
              currency={me.settings.baseCurrency}
              readOnly={ro}
              onSave={(v) => save("minimumPrice", v as never, t("product.minimum"))}
            />
            <NumberField
              label={t("product.sort")}
              name="sort"
              value={product.sort}
              readOnly={ro}
              onSave={(v) => save("sort", v, t("product.sort"))}
            />
            <SwitchField
              label={t("product.active")}
              value={product.active}
              readOnly={ro}
              onSave={(v) => save("active", v, t("product.active"))}
            />
            {product.externalIds.length > 0 && (
              <PlainField label={t("field.externalId")}>
                {product.externalIds.map((e) => `${e.source}: ${e.id}`).join(", ")}
              </PlainField>
            )}
          </FieldGroup>
          <FieldGroup>
            <TextBlockField
              label={t("product.description")}
              name="description"
              value={product.description}
              readOnly={ro}
              onSave={(v) => save("description", v, t("product.description"))}
            />
          </FieldGroup>
          <CustomFieldsGroup resource={products} record={product} readOnly={ro} />
        </>
      }
      tabs={[
        {
          id: "prices",
          label: t("product.prices"),
          count: product.prices.length,
          content: <Prices product={product} priceTypes={priceTypes} readOnly={ro} />,
        },
        {
          id: "deals",
          label: t("deal.many"),
          content: (
            <RelatedDeals
              filter={anyOf("product_id", [product.id])}
              search={{ where: anyOf("product_id", [product.id]) }}
            />
          ),
        },
        {
          id: "history",
          label: t("card.timeline"),
          content: (
            <Timeline
              resource={products}
              id={product.id}
              nameOf={(id) => sections.find((s) => s.id === id)?.name}
            />
          ),
        },
      ]}
    />
  );
}
