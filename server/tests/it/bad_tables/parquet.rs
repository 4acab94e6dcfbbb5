//! Parquet files, byte by byte, so that any of them can be a lie.

/// What the file says of itself; each is the truth unless changed.
pub(super) struct Claims {
    pub(super) rows: i64,
    pub(super) group_rows: i64,
    pub(super) values: i64,
    pub(super) page_values: i64,
    pub(super) page_bytes: i64,
    pub(super) offset: i64,
    pub(super) codec: i64,
    pub(super) encoding: i64,
    /// How long the list of columns is said to be.
    pub(super) columns: Option<u64>,
    pub(super) footer: Option<u32>,
}

/// A column of required values.
pub(super) struct Column {
    pub(super) name: Vec<u8>,
    /// 2 for whole numbers, 5 for floats, 6 for texts.
    pub(super) kind: i64,
    pub(super) values: Vec<u8>,
}

const ROWS: i64 = 3;

impl Claims {
    pub(super) fn true_ones() -> Self {
        Self {
            rows: ROWS,
            group_rows: ROWS,
            values: ROWS,
            page_values: ROWS,
            page_bytes: -1,
            offset: -1,
            codec: 0,
            encoding: 0,
            columns: None,
            footer: None,
        }
    }
}

pub(super) fn floats(name: &str) -> Column {
    Column {
        name: name.as_bytes().to_vec(),
        kind: 5,
        values: [1.5_f64, 2.5, 4.0]
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect(),
    }
}

pub(super) fn texts(name: &str, values: [&[u8]; 3]) -> Column {
    let mut bytes = Vec::new();
    for value in values {
        bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        bytes.extend_from_slice(value);
    }
    Column {
        name: name.as_bytes().to_vec(),
        kind: 6,
        values: bytes,
    }
}

/// The file; `nested` puts the columns into a group.
pub(super) fn file(columns: &[Column], claims: &Claims, nested: bool) -> Vec<u8> {
    let mut bytes = b"PAR1".to_vec();
    let mut chunks = Vec::new();
    for column in columns {
        let offset = bytes.len() as i64;
        let size = if claims.page_bytes < 0 {
            column.values.len() as i64
        } else {
            claims.page_bytes
        };
        let mut header = Struct::default();
        header.number(1, 0).number(2, size).number(3, size);
        let mut page = Struct::default();
        page.number(1, claims.page_values)
            .number(2, claims.encoding)
            .number(3, 3)
            .number(4, 3);
        header.inner(5, page);
        bytes.extend(header.end());
        bytes.extend_from_slice(&column.values);
        let end = bytes.len() as i64;
        chunks.push((offset, end - offset));
    }
    let footer = footer(columns, &chunks, claims, nested);
    let length = claims.footer.unwrap_or(footer.len() as u32);
    bytes.extend(footer);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(b"PAR1");
    bytes
}

fn footer(columns: &[Column], chunks: &[(i64, i64)], claims: &Claims, nested: bool) -> Vec<u8> {
    let group = |name: &[u8], children: usize, is_root: bool| {
        let mut element = Struct::default();
        if !is_root {
            element.number(3, 0);
        }
        element.text(4, name).number(5, children as i64);
        element.end()
    };
    let mut schema = vec![group(
        b"schema",
        if nested { 1 } else { columns.len() },
        true,
    )];
    if nested {
        schema.push(group(b"address", columns.len(), false));
    }
    for column in columns {
        let mut element = Struct::default();
        element
            .number(1, column.kind)
            .number(3, 0)
            .text(4, &column.name);
        if column.kind == 6 {
            element.number(6, 0);
        }
        schema.push(element.end());
    }
    let chunks: Vec<Vec<u8>> = columns
        .iter()
        .zip(chunks)
        .map(|(column, &(offset, size))| {
            let offset = if claims.offset < 0 {
                offset
            } else {
                claims.offset
            };
            let mut path: Vec<&[u8]> = vec![&column.name];
            if nested {
                path.insert(0, b"address");
            }
            let mut meta = Struct::default();
            meta.number(1, column.kind)
                .list(2, 5, None, &[vec![0]])
                .list(
                    3,
                    8,
                    None,
                    &path.into_iter().map(binary).collect::<Vec<_>>(),
                )
                .number(4, claims.codec)
                .long(5, claims.values)
                .long(6, size)
                .long(7, size)
                .long(9, offset);
            let mut chunk = Struct::default();
            chunk.long(2, offset).inner(3, meta);
            chunk.end()
        })
        .collect();
    let mut group = Struct::default();
    group
        .list(1, 12, claims.columns, &chunks)
        .long(2, 100)
        .long(3, claims.group_rows);
    let mut whole = Struct::default();
    whole
        .number(1, 1)
        .list(2, 12, None, &schema)
        .long(3, claims.rows)
        .list(4, 12, None, &[group.end()]);
    whole.end()
}

/// Of Thrift's compact protocol.
#[derive(Default)]
struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    fn field(&mut self, field: u8, kind: u8) -> &mut Self {
        self.bytes.push((field - self.last) << 4 | kind);
        self.last = field;
        self
    }

    fn number(&mut self, field: u8, number: i64) -> &mut Self {
        self.field(field, 5).bytes.extend(zigzag(number));
        self
    }

    fn long(&mut self, field: u8, number: i64) -> &mut Self {
        self.field(field, 6).bytes.extend(zigzag(number));
        self
    }

    fn text(&mut self, field: u8, text: &[u8]) -> &mut Self {
        self.field(field, 8).bytes.extend(binary(text));
        self
    }

    fn inner(&mut self, field: u8, inner: Self) -> &mut Self {
        self.field(field, 12).bytes.extend(inner.end());
        self
    }

    fn list(&mut self, field: u8, kind: u8, claimed: Option<u64>, items: &[Vec<u8>]) -> &mut Self {
        self.field(field, 9).bytes.push(0xF0 | kind);
        let length = claimed.unwrap_or(items.len() as u64);
        self.bytes.extend(varint(length));
        self.bytes.extend(items.iter().flatten());
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn binary(text: &[u8]) -> Vec<u8> {
    let mut bytes = varint(text.len() as u64);
    bytes.extend_from_slice(text);
    bytes
}

fn zigzag(number: i64) -> Vec<u8> {
    varint((number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned())
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
