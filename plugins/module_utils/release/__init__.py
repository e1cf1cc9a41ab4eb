# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases: from an application's source to versions installed side by side, one of which is live.

On the controller: ``source`` (what a service is made of), ``lock``, ``plan`` (which releases and artefacts are
wanted), ``store`` (artefacts that were built once). On hosts: ``build``, ``tools``, ``environment``,
``install`` and ``layout`` (what is installed, live, proven, superfluous). All raise ``ReleaseError``, whose text is a
sentence for the operator.
"""
