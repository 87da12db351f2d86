//! The fields of a docker config that the kubelet reads.

use super::{
    super::{Entry, Hidden, RegistryKey},
    Contents, DockerConfigError, Entries, Place, ReadEntry, auth,
    object::{Fields, Text, object},
};
use serde::de::{IgnoredAny, MapAccess};
use std::cell::RefCell;

/// `DockerConfigJSON` of `pkg/credentialprovider/config.go`.
pub struct ConfigFields<'a> {
    pub contents: &'a mut Contents,
    /// Where the reader is, for an error.
    pub place: &'a RefCell<Place>,
}

impl Fields for ConfigFields<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: Text, map: &mut A) -> Result<(), A::Error> {
        if name.names("auths") {
            self.place.replace(Place::Auths);
            let entries = &mut self.contents.entries;
            let mut auths = Auths { entries, place: self.place, within: Place::Auths };
            map.next_value_seed(object(&mut auths))?;
        } else if name.names("HttpHeaders") {
            // Not used, but a wrong type fails the whole.
            self.place.replace(Place::HttpHeaders);
            map.next_value_seed(object(&mut HttpHeaders { place: self.place }))?;
            self.contents.ignored.push(name.lossy());
        } else {
            map.next_value::<IgnoredAny>()?;
            self.contents.ignored.push(name.lossy());
        }
        self.place.replace(Place::Whole);
        Ok(())
    }
}

/// `DockerConfig`: the entries by registry. An object that is written twice is read as one.
pub struct Auths<'a> {
    pub entries: &'a mut Entries,
    pub place: &'a RefCell<Place>,
    /// Where the reader is between entries.
    pub within: Place,
}

impl Fields for Auths<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: Text, map: &mut A) -> Result<(), A::Error> {
        let key = RegistryKey::new(name.0);
        self.place.replace(Place::Entry(key.clone()));
        let mut fields = OneEntry {
            key,
            username: Vec::new(),
            password: Vec::new(),
            auth: Vec::new(),
            ignored: Vec::new(),
            place: self.place,
        };
        map.next_value_seed(object(&mut fields))?;
        self.place.replace(self.within.clone());
        match fields.read() {
            Ok(entry) => self.entries.put(entry),
            Err(fault) => self.entries.faults.push(fault),
        }
        Ok(())
    }

    fn null(&mut self) {
        self.entries.clear();
    }
}

/// `dockerConfigEntryWithAuth`. `null` leaves a field as it was.
struct OneEntry<'a> {
    key: RegistryKey,
    username: Vec<u8>,
    password: Vec<u8>,
    auth: Vec<u8>,
    ignored: Vec<String>,
    place: &'a RefCell<Place>,
}

impl OneEntry<'_> {
    /// The entry: `auth` wins over `username` and `password`.
    fn read(self) -> Result<ReadEntry, DockerConfigError> {
        let (username, password) = match self.auth.is_empty() {
            true => (self.username, self.password),
            false => auth::decode(&self.auth).map_err(|fault| fault.of(&self.key))?,
        };
        let (username, password) = (Hidden::new(username), Hidden::new(password));
        let entry = Entry { key: self.key, username, password };
        Ok(ReadEntry { entry, ignored: self.ignored })
    }
}

impl Fields for OneEntry<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: Text, map: &mut A) -> Result<(), A::Error> {
        const READ: [&str; 4] = ["username", "password", "email", "auth"];
        let Some(field) = READ.into_iter().find(|field| name.names(field)) else {
            map.next_value::<IgnoredAny>()?;
            self.ignored.push(name.lossy());
            return Ok(());
        };
        self.place.replace(Place::Field(self.key.clone(), field));
        if let Some(Text(value)) = map.next_value()? {
            match field {
                "username" => self.username = value,
                "password" => self.password = value,
                "auth" => self.auth = value,
                _ => {}
            }
        }
        self.place.replace(Place::Entry(self.key.clone()));
        Ok(())
    }
}

/// `map[string]string`.
struct HttpHeaders<'a> {
    place: &'a RefCell<Place>,
}

impl Fields for HttpHeaders<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, _: Text, map: &mut A) -> Result<(), A::Error> {
        self.place.replace(Place::HttpHeader);
        map.next_value::<Option<Text>>()?;
        self.place.replace(Place::HttpHeaders);
        Ok(())
    }
}
