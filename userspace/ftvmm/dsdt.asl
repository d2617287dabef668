/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that the guest finds through ACPI.  Compiled with iasl; numbers here
 * are also in memory.h, vm.h, acpi.h, pci.h, serial.c and rtc.c.
 */
DefinitionBlock ("", "DSDT", 2, "KVMFT ", "FTVMM   ", 1)
{
    /* Power off: what to write to the sleep control register. */
    Name (\_S5, Package () { 5, 0, 0, 0 })

    Scope (\_SB)
    {
        /* PCI: one bus, memory and ports for BARs, interrupts by message only. */
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0, 0, 0, 1)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0xC000, 0xCFFF, 0, 0x1000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                    NonCacheable, ReadWrite,
                    0, 0xD0000000, 0xDFFFFFFF, 0, 0x10000000)
            })
        }

        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 1, 8)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
            })
        }

        /* The clock has no alarm, and so no interrupt. */
        Device (RTC)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 1, 2)
            })
        }

        Device (PWRB)
        {
            Name (_HID, EisaId ("PNP0C0C"))
            Name (_UID, 0)
        }

        /* An interrupt says that the power button was pressed. */
        Device (GED)
        {
            Name (_HID, "ACPI0013")
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 9 }
            })
            Method (_EVT, 1, Serialized)
            {
                Notify (PWRB, 0x80)
            }
        }
    }
}
